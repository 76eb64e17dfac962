#pragma once
// How nodes, views, positions and sessions are written for people.

#include <string>

#include "protocol/ids.hpp"
#include "protocol/view.hpp"

namespace vsync::checker {

[[nodiscard]] std::string name_of(const protocol::NodeId& node);          ///< "a#3"
[[nodiscard]] std::string name_of(const protocol::ViewId& id);            ///< "view 1:4"
[[nodiscard]] std::string name_of(const protocol::View& view);            ///< "view 1:4 {a#1 b#1*}", * is a learner
[[nodiscard]] std::string name_of(const protocol::Position& position);    ///< "1:4:17", "1:4:tail+2"; ":lane1" if not lane 0
[[nodiscard]] std::string name_of(const protocol::Ballot& ballot);        ///< "ballot 3.0"
[[nodiscard]] std::string name_of(const protocol::SessionId& session);    ///< "session 12-7"

}  // namespace vsync::checker
