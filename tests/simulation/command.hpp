#pragma once
// The simulation's command: runs seeds, judges them, and tells how to replay what failed.

namespace vsync::simulation {

/// Returns the exit status: 0 if every seed passed.
int run_command(int argc, char** argv);

}  // namespace vsync::simulation
