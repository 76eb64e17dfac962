#include "line_reader.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace vsync::cli {

LineReader::Status LineReader::next(std::string_view& line, std::chrono::milliseconds timeout) {
  while (true) {
    const std::size_t end = buffer_.find('\n', searched_);
    if (end != std::string::npos) {
      line = std::string_view(buffer_).substr(begin_, std::min(end - begin_, bytes_max_ + 1));
      begin_ = searched_ = end + 1;
      return Status::line;
    }
    // A line without end must not fill the memory: what is too much of it isn't kept.
    buffer_.resize(std::min(buffer_.size(), begin_ + bytes_max_ + 1));
    searched_ = buffer_.size();
    if (ended_) {
      if (begin_ == buffer_.size()) return Status::end;
      line = std::string_view(buffer_).substr(begin_);
      begin_ = buffer_.size();
      return Status::line;
    }
    if (!stop_.wait_readable(fd_, timeout)) return stop_.came() ? Status::stopped : Status::nothing_yet;
    buffer_.erase(0, begin_);
    searched_ -= begin_;
    begin_ = 0;
    const std::size_t before = buffer_.size();
    buffer_.resize(before + (64u << 10));
    const auto got = ::read(fd_, buffer_.data() + before, buffer_.size() - before);
    buffer_.resize(before + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got < 0 && errno != EINTR && errno != EAGAIN) return Status::failed;
    if (got == 0) ended_ = true;
  }
}

}  // namespace vsync::cli
