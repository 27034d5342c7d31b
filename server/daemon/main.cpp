#include "server/daemon/command_line.h"

int main(int argc, char** argv) { return sliceflow::daemon::RunProgram(argc, argv); }
