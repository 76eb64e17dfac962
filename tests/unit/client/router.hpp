#pragma once
// The fake daemon's end of all lines to one endpoint: a ROUTER socket (router.cpp). tests/threads has one in memory.

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace vsync::testing {

/// On one thread.
class Router {
 public:
  explicit Router(const std::string& endpoint);
  ~Router();
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  /// Until there is something to receive, but no longer than a millisecond.
  void wait();
  struct Request {
    std::string route;
    std::vector<std::byte> envelope;
    std::vector<std::byte> body;
  };
  /// False: there is nothing.
  bool receive(Request& request);
  /// To whom is gone it sends nothing.
  void send(const std::string& route, const std::vector<std::string>& parts);

 private:
  struct Socket;
  std::unique_ptr<Socket> socket_;
};

}  // namespace vsync::testing
