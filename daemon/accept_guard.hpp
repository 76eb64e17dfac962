#pragma once
// Keeps applications from taking the last file descriptors. libzmq's ipc listener aborts the process when accept() has none left
// (4.3.4, ipc_listener.cpp: EMFILE is not among the errors it expects, nor are ENOBUFS and ENOMEM), so whoever may connect could stop
// the daemon by connecting often enough. libzmq can't be told otherwise; therefore this daemon has its own accept4(), which libzmq's calls
// reach because a program's symbols come before those of libc. It closes what it accepted when too few descriptors remain: the
// client sees a closed connection and tries again later. Peers may have those that are kept from applications, but for the last few,
// which are for files: a crowd of applications must not keep a daemon out of the cluster.

#include <cstdint>

#include "daemon/configuration.hpp"

namespace vsync::daemon {

/// Each application takes a descriptor for its connection and one for its process; some are kept for files, and for the peers of this
/// configuration. Raises the limit of the process to what it may be; StartError if that is too few for these.
void keep_descriptors_for(const Configuration& configuration);
/// Connections whose descriptor would be `from_applications` or higher are closed at once, those of peers from `from_peers` on.
void keep_descriptors(int from_applications, int from_peers);
/// How many were, since the start. Any thread.
[[nodiscard]] std::uint64_t connections_turned_away();
/// Whether `descriptor` is one of those kept from applications.
[[nodiscard]] bool is_kept(int descriptor);

}  // namespace vsync::daemon
