#pragma once
// The subcommands. Each returns the exit status.

#include "arguments.hpp"
#include "signals.hpp"
#include "vsync/connection.hpp"

namespace vsync::cli {

int run_pub(Connection connection, const PubArguments& arguments, StopSignal& stop);
int run_sub(Connection connection, const SubArguments& arguments, StopSignal& stop);
int run_status(Connection connection, const StatusArguments& arguments);
int run_groups(Connection connection, const GroupsArguments& arguments);
int run_members(Connection connection, const MembersArguments& arguments);
int run_bootstrap(Connection connection, const BootstrapArguments& arguments);
int run_force_primary(Connection connection, const ForcePrimaryArguments& arguments);
int run_join(Connection connection, const JoinArguments& arguments);
int run_reload(Connection connection, const ReloadArguments& arguments);
int run_trace_check(const TraceCheckArguments& arguments);  ///< needs no daemon
int run_trace_dump(Connection connection, const TraceDumpArguments& arguments);

/// Prints why a question got no answer, and the exit status for it.
int complain_of(const RequestError& error);

}  // namespace vsync::cli
