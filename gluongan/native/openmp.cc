// OpenMP for MXNet's own operators, on the pool: what libmxnet.so calls of libgomp, under its names.
//
// gluongan_take_openmp writes these functions into the table of imported functions (GOT) of that one library. A part
// of a job is what OpenMP calls a thread of a team: parts are as many as OpenMP's threads would be, and compute the
// same, whatever threads run them. So the bits are those of OpenMP.

#if defined(__linux__) && defined(__LP64__)
#include <elf.h>
#include <link.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <vector>

#include "pool.h"

namespace {

using gluongan::current_part;

thread_local int wanted = 0;  // by omp_set_num_threads; 0: as many as the pool has

int max_threads() { return wanted ? wanted : gluongan::thread_count(); }
void set_num_threads(int threads) { wanted = threads; }
int num_threads() { return current_part().count; }
int thread_num() { return current_part().index; }
int in_parallel() { return current_part().count > 1; }

void barrier() { gluongan::wait_for_parts(); }

// A loop that the parts of a job share: `for (long i = start; i < end; i += step)`, or downward.
struct Loop {
  long start, end, step, chunk;

  long length() const {
    const long distance = step > 0 ? end - start + step - 1 : start - end - step - 1;
    return distance <= 0 ? 0 : distance / (step > 0 ? step : -step);
  }

  // The chunk that begins with the turn `first`; false behind the end.
  bool take(long first, long* from, long* to) const {
    if (first >= length()) return false;
    *from = start + first * step;
    *to = start + std::min(first + chunk, length()) * step;
    return true;
  }
};

// The counters of the dynamic loops of a job, of which a part may be some ahead of another.
class Counters {
 public:
  std::atomic<long>* at(size_t index) {
    std::lock_guard<std::mutex> lock(mutex_);
    while (counters_.size() <= index) counters_.push_back(std::make_unique<std::atomic<long>>(0));
    return counters_[index].get();
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<std::atomic<long>>> counters_;
};

struct Team {
  void (*run)(void*);
  void* context;
  Counters counters;
};

// Where the calling thread is in its part of a job.
struct Progress {
  Team* team = nullptr;                  // null outside of all jobs
  Loop loop{};                           // that it is in
  long turn = 0;                         // of a static loop: the next one of this part
  size_t loops_begun = 0;                // dynamic ones
  std::atomic<long>* counter = nullptr;  // of a dynamic loop
};

thread_local Progress progress;
thread_local std::atomic<long> own_counter{0};  // of a dynamic loop outside of all jobs
thread_local std::vector<Progress> around;  // in the jobs around this one

bool static_next(long* from, long* to) {
  const long first = progress.turn;
  progress.turn += progress.loop.chunk * current_part().count;
  return progress.loop.take(first, from, to);
}

bool static_start(long start, long end, long step, long chunk, long* from, long* to) {
  Loop& loop = progress.loop = {start, end, step, chunk};
  const gluongan::Part part = current_part();
  progress.turn = part.index * chunk;
  if (chunk == 0) {  // one piece for each part, as even as can be
    const long length = loop.length(), size = length / part.count, rest = length % part.count;
    const long first = part.index * size + std::min<long>(part.index, rest);
    loop.end = start + (first + size + (part.index < rest)) * step;
    loop.chunk = length + 1;
    progress.turn = first;
  }
  return static_next(from, to);
}

bool dynamic_next(long* from, long* to) {
  const long first = progress.counter->fetch_add(progress.loop.chunk);
  return progress.loop.take(first, from, to);
}

bool dynamic_start(long start, long end, long step, long chunk, long* from, long* to) {
  progress.loop = {start, end, step, std::max(chunk, 1L)};
  if (progress.team) {
    progress.counter = progress.team->counters.at(progress.loops_begun++);
  } else {
    own_counter = 0;
    progress.counter = &own_counter;
  }
  return dynamic_next(from, to);
}

void loop_end() {}

void enter(Team* team) {
  around.push_back(progress);
  progress = {};
  progress.team = team;
}

void leave() {
  progress = around.back();
  around.pop_back();
}

void run_part(void* context) {
  Team* team = static_cast<Team*>(context);
  enter(team);
  team->run(team->context);
  leave();
}

void parallel_start(void (*run)(void*), void* context, unsigned threads) {
  enter(new Team{run, context, {}});
  gluongan::begin_job(threads ? threads : max_threads(), {run_part, progress.team, run});
}

void parallel_end() {
  gluongan::finish_job();
  delete progress.team;
  leave();
}

const struct {
  const char* name;
  void* function;
} kFunctions[] = {
    {"omp_get_max_threads", reinterpret_cast<void*>(max_threads)},
    {"omp_set_num_threads", reinterpret_cast<void*>(set_num_threads)},
    {"omp_get_num_threads", reinterpret_cast<void*>(num_threads)},
    {"omp_get_num_threads_", reinterpret_cast<void*>(num_threads)},  // Fortran's
    {"omp_get_thread_num", reinterpret_cast<void*>(thread_num)},
    {"omp_in_parallel", reinterpret_cast<void*>(in_parallel)},
    {"GOMP_barrier", reinterpret_cast<void*>(barrier)},
    {"GOMP_loop_static_start", reinterpret_cast<void*>(static_start)},
    {"GOMP_loop_static_next", reinterpret_cast<void*>(static_next)},
    {"GOMP_loop_dynamic_start", reinterpret_cast<void*>(dynamic_start)},
    {"GOMP_loop_dynamic_next", reinterpret_cast<void*>(dynamic_next)},
    {"GOMP_loop_end_nowait", reinterpret_cast<void*>(loop_end)},
    {"GOMP_parallel_start", reinterpret_cast<void*>(parallel_start)},
    {"GOMP_parallel_end", reinterpret_cast<void*>(parallel_end)},
};

// The function that takes the place of an imported one; null for others.
void* find_function(const char* name) {
  for (const auto& function : kFunctions)
    if (std::strcmp(name, function.name) == 0) return function.function;
  return nullptr;
}

// Whether a name is of a function of OpenMP that need not know who calls it.
bool can_stay(const char* name) {
  for (const char* other : {"GOMP_critical_start", "GOMP_critical_end", "omp_get_num_procs"})
    if (std::strcmp(name, other) == 0) return true;
  return std::strncmp(name, "GOMP_", 5) != 0 && std::strncmp(name, "omp_", 4) != 0;
}

// The table of imported functions of one library.
class Imports {
 public:
  explicit Imports(const dl_phdr_info* info) : base_(info->dlpi_addr) {
    const ElfW(Dyn)* entry = nullptr;
    for (int i = 0; i < info->dlpi_phnum; ++i) {
      if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
        entry = reinterpret_cast<const ElfW(Dyn)*>(base_ + info->dlpi_phdr[i].p_vaddr);
    }
    for (; entry && entry->d_tag != DT_NULL; ++entry) {
      if (entry->d_tag == DT_JMPREL) first_ = reinterpret_cast<const ElfW(Rela)*>(entry->d_un.d_ptr);
      if (entry->d_tag == DT_PLTRELSZ) count_ = entry->d_un.d_val / sizeof(ElfW(Rela));
      if (entry->d_tag == DT_SYMTAB) symbols_ = reinterpret_cast<const ElfW(Sym)*>(entry->d_un.d_ptr);
      if (entry->d_tag == DT_STRTAB) names_ = reinterpret_cast<const char*>(entry->d_un.d_ptr);
    }
  }

  // Calls visit(name, place) for each function, which is called through its place.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (size_t i = 0; i < count_; ++i) {
      const size_t symbol = first_[i].r_info >> 32;
      visit(names_ + symbols_[symbol].st_name, reinterpret_cast<void**>(base_ + first_[i].r_offset));
    }
  }

 private:
  ElfW(Addr) base_;
  const ElfW(Rela)* first_ = nullptr;
  const ElfW(Sym)* symbols_ = nullptr;
  const char* names_ = nullptr;
  size_t count_ = 0;
};

struct Search {
  const char* path;
  bool took;
};

int take_openmp(dl_phdr_info* info, size_t, void* data) {
  Search& search = *static_cast<Search*>(data);
  if (std::strcmp(info->dlpi_name, search.path) != 0) return 0;
  const Imports imports(info);
  int known = 0, strange = 0;
  imports.for_each([&](const char* name, void**) {
    if (find_function(name)) ++known;
    else if (!can_stay(name)) ++strange;
  });
  search.took = known > 0 && strange == 0;
  if (!search.took) return 1;
  imports.for_each([](const char* name, void** place) {
    if (void* function = find_function(name)) *place = function;
  });
  return 1;
}

}  // namespace

// The function of this name, for the tests; null where there is none.
extern "C" void* gluongan_openmp_function(const char* name) { return find_function(name); }

// Makes the library that was loaded from this path use the pool. Returns whether it does: 0 for one that calls other
// functions of OpenMP than these, which is left as it is.
extern "C" int gluongan_take_openmp(const char* path) {
  Search search{path, false};
  dl_iterate_phdr(take_openmp, &search);
  return search.took;
}

#else

extern "C" void* gluongan_openmp_function(const char*) { return nullptr; }
extern "C" int gluongan_take_openmp(const char*) { return 0; }

#endif
