// Included before every source. The WebAssembly C++ library is built without threads and leaves these names out; TVM's
// sources use them, and with one thread they have nothing to do.
#pragma once

#include <chrono>
#include <mutex>

namespace std {
struct mutex {
  void lock() {}
  void unlock() {}
  bool try_lock() { return true; }
};
struct recursive_mutex : mutex {};
template <typename... Mutexes>
struct scoped_lock {
  explicit scoped_lock(Mutexes&...) {}
};
namespace this_thread {
template <typename Rep, typename Period>
void sleep_for(const chrono::duration<Rep, Period>&) {}
}  // namespace this_thread
}  // namespace std
