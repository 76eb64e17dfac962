// What the commands that ask the daemon one question have in common.

#include "questions.hpp"

#include <cstdio>

#include "commands.hpp"
#include "exit_status.hpp"
#include "terminal.hpp"

namespace vsync::cli {

int complain_of(const RequestError& error) {
  std::string text = error.text.empty() ? name_of(error.code) : error.text;
  if (error.code == RequestError::Code::refused) text = std::string("refused (") + name_of(error.reason) + "): " + text;
  complain(text);
  switch (error.code) {
    case RequestError::Code::bad_topic: return usage;
    case RequestError::Code::refused:
    case RequestError::Code::already_member:
    case RequestError::Code::not_member: return refusal;
    case RequestError::Code::timed_out:
    case RequestError::Code::disconnected:
    case RequestError::Code::closed: return connection;
  }
  return connection;
}

int answer(const Result<std::string, RequestError>& reply, bool json, const std::function<std::string(const Json&)>& to_text) {
  if (!reply) return complain_of(reply.error());
  std::string out = *reply + "\n";
  if (!json) {
    try {
      out = to_text(Json::parse(*reply));
    } catch (const Json::exception& problem) {
      complain(std::string("the daemon's answer can't be read: ") + problem.what());
      return connection;
    }
  }
  if (std::fwrite(out.data(), 1, out.size(), stdout) != out.size() || std::fflush(stdout) != 0) {
    complain("standard output can't be written");
    return not_enough;
  }
  return success;
}

}  // namespace vsync::cli
