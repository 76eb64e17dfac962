#pragma once
// The whole public interface of libvsync.

#include "vsync/connection.hpp"
#include "vsync/errors.hpp"
#include "vsync/events.hpp"
#include "vsync/group.hpp"
#include "vsync/level.hpp"
#include "vsync/member.hpp"
#include "vsync/message.hpp"
#include "vsync/options.hpp"
#include "vsync/position.hpp"
#include "vsync/result.hpp"
