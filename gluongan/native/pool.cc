#include "pool.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace gluongan {
namespace {

// How often an idle thread looks for work before it sleeps: about 0.2 ms. Longer than what lies between two
// operators, and short enough to leave the core to others when training has ended.
constexpr int kLooks = 100000;

inline void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

class Pool {
 public:
  int threads() const { return threads_.load(std::memory_order_relaxed); }

  void resize(int threads) {
    std::lock_guard<std::mutex> turn(turn_);
    threads_ = threads;
    while (started_ < threads - 1) {
      std::thread(&Pool::work, this, ++started_).detach();
    }
  }

  void run(long count, void (*run)(void*, long), void* context) {
    // One job at a time: whoever computes in a second Python thread, or in a forked child, computes alone.
    if (count == 1 || threads() == 1 || !turn_.try_lock()) {
      for (long index = 0; index < count; ++index) run(context, index);
      return;
    }
    run_ = run;
    context_ = context;
    count_ = count;
    next_ = 0;
    open_ = true;
    if (asleep_ > 0) wake();
    take_tasks();
    open_ = false;
    while (busy_ > 0) pause();  // tasks that others have begun
    turn_.unlock();
  }

 private:
  void take_tasks() {
    for (long index = next_++; index < count_; index = next_++) run_(context_, index);
  }

  void work(int number) {
    for (int looks = 0;; ++looks) {
      if (open_ && number < threads()) {
        // Only now may the fields of the job be read: while `busy_` counts this thread, no new job is written.
        ++busy_;
        if (open_) take_tasks();
        --busy_;
        looks = 0;
      } else if (looks > kLooks) {
        sleep();
        looks = 0;
      }
      pause();
    }
  }

  void sleep() {
    std::unique_lock<std::mutex> lock(bed_);
    ++asleep_;
    morning_.wait(lock, [this] { return open_.load(); });
    --asleep_;
  }

  void wake() {
    { std::lock_guard<std::mutex> lock(bed_); }
    morning_.notify_all();
  }

  std::atomic<int> threads_{1};
  int started_ = 0;
  std::mutex turn_;  // held by the thread whose job this is
  void (*run_)(void*, long) = nullptr;
  void* context_ = nullptr;
  long count_ = 0;
  alignas(64) std::atomic<long> next_{0};
  alignas(64) std::atomic<bool> open_{false};
  alignas(64) std::atomic<int> busy_{0};
  std::atomic<int> asleep_{0};
  std::mutex bed_;
  std::condition_variable morning_;
};

Pool& pool() {
  static Pool* the_pool = new Pool;  // never destroyed: its threads outlive main
  return *the_pool;
}

}  // namespace

int thread_count() { return pool().threads(); }

void run_tasks(long count, void (*run)(void*, long), void* context) {
  if (count > 0) pool().run(count, run, context);
}

}  // namespace gluongan

extern "C" void gluongan_set_threads(int threads) { gluongan::pool().resize(threads); }
