#include "tests/simulation/command.hpp"

int main(int argc, char** argv) { return vsync::simulation::run_command(argc, argv); }
