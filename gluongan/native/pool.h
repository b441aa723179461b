// The threads of the operators: a pool of their own that never waits for a thread without work.
//
// OpenMP waits at the end of each loop until every thread has come by, even one that the operating system has taken
// off its core, because another program wants it. Here the calling thread takes tasks like the others, and waits only
// for tasks that were begun. So a busy core costs its own share, and not that of the others.

#ifndef GLUONGAN_POOL_H_
#define GLUONGAN_POOL_H_

namespace gluongan {

// How many threads compute, the calling one among them. Set by gluongan_set_threads, 1 at first.
int thread_count();

// Calls run(context, index) once for each index in [0, count), on all threads. Returns when all are done.
void run_tasks(long count, void (*run)(void* context, long index), void* context);

// The same for a lambda: parallel(count, [&](long index) { ... })
template <class Task>
void parallel(long count, const Task& task) {
  run_tasks(
      count, [](void* context, long index) { (*static_cast<const Task*>(context))(index); },
      const_cast<Task*>(&task));
}

}  // namespace gluongan

#endif  // GLUONGAN_POOL_H_
