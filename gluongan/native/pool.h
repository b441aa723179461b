// The threads that compute: a pool of their own that never waits for a thread without work.
//
// OpenMP's library waits at the end of each loop until every thread has come by, even one that the operating system
// has taken off its core because another program wants it. Here the calling thread does what no other thread has
// begun, and waits only for what was begun. So a busy core costs its own share, and not that of the others.

#ifndef GLUONGAN_POOL_H_
#define GLUONGAN_POOL_H_

#include <algorithm>
#include <atomic>

#include "subnormal.h"

namespace gluongan {

// How many threads compute, the calling one among them. Set by gluongan_set_threads, 1 at first.
int thread_count();

// A part of a job: which of how many. Each part is run once, by any thread.
struct Part {
  int index, count;
};

// The part that the calling thread is running; 0 of 1 outside of a job.
Part current_part();

struct Job {
  void (*run)(void* context);
  void* context;
  void (*key)(void* context);  // tells jobs of one kind from others
};

// Calls job.run(job.context) `parts` times, each as another part, at the same time where threads are free. The calling
// thread runs part 0: begin_job returns before it, and finish_job when all parts are done. A job inside of a job has one
// part. Parts may wait for one another: each gets a thread in the end.
void begin_job(int parts, const Job& job);
void finish_job();

// Waits until all parts of the job have come here.
void wait_for_parts();

// Calls task(index) once for each index in [0, count), on all threads. Returns when all are done. Subnormal numbers count
// as 0 in it.
template <class Task>
void parallel(long count, const Task& task) {
  struct Work {
    const Task& task;
    long count;
    std::atomic<long> next{0};

    void run() {
      const NoSubnormals no_subnormals;
      for (long index = next++; index < count; index = next++) task(index);
    }
  } work{task, count};
  void (*const run)(void*) = [](void* context) { static_cast<Work*>(context)->run(); };
  begin_job(static_cast<int>(std::min<long>(count, thread_count())), {run, &work, run});
  work.run();
  finish_job();
}

}  // namespace gluongan

#endif  // GLUONGAN_POOL_H_
