#pragma once
// What `vsync` tells scripts when it ends.

namespace vsync::cli {

enum ExitStatus : int {
  success = 0,
  not_enough = 1,   ///< sub: the wait ran out before --count was reached; or input can't be read, or standard output not written;
                    ///< reload: the configuration is wrong, and all stays as it was
  usage = 2,        ///< the command line can't be understood
  connection = 3,   ///< no daemon reached, or the connection ended for good
  refusal = 4,      ///< the daemon, or the cluster, said no: a join, a question, a publish that is surely nowhere
  loss = 5,         ///< a publish whose outcome can't be known, or messages that this subscription will never get
  violation = 6,    ///< trace check: what daemons did breaks a promise
};

}  // namespace vsync::cli
