#pragma once
// What the shared library exports. Everything else of it is hidden.

#define VSYNC_API __attribute__((visibility("default")))
