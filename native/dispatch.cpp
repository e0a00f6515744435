#include "dispatch.h"

#include <cstring>
#include <string>
#include <vector>

#include "kernels/reference.h"

// Compiled without instruction-set flags: it must run on every CPU.
namespace quern {

#ifdef QUERN_HAVE_baseline
namespace baseline {
void install(Kernels&);
}
#endif
#ifdef QUERN_HAVE_avx2
namespace avx2 {
void install(Kernels&);
}
#endif
#ifdef QUERN_HAVE_avx512
namespace avx512 {
void install(Kernels&);
}
#endif
#ifdef QUERN_HAVE_neon
namespace neon {
void install(Kernels&);
}
#endif
#ifdef QUERN_HAVE_wasm
namespace wasm {
void install(Kernels&);
}
#endif

namespace {

std::vector<Isa> detect() {
  std::vector<Isa> found;
  [[maybe_unused]] auto add = [&](const char* name, void (*install)(Kernels&)) {
    found.push_back({name, reference::table<float>()});
    install(found.back().kernels);
  };
#ifdef QUERN_HAVE_avx512
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma"))
    add("avx512", avx512::install);
#endif
#ifdef QUERN_HAVE_avx2
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) add("avx2", avx2::install);
#endif
#ifdef QUERN_HAVE_neon
  add("neon", neon::install);
#endif
#ifdef QUERN_HAVE_wasm
  add("wasm", wasm::install);
#endif
#ifdef QUERN_HAVE_baseline
  add("baseline", baseline::install);
#endif
  found.push_back({"reference", reference::table<float>()});
  return found;
}

// Never destroyed: Node may exit while engine threads still run.
const std::vector<Isa>& isas() {
  static const auto* all = new std::vector<Isa>(detect());
  return *all;
}

}  // namespace

const Isa* find_isa(const char* name) {
  if (!name || !*name) return &isas().front();
  for (const Isa& isa : isas())
    if (std::strcmp(isa.name, name) == 0) return &isa;
  return nullptr;
}

const char* available_isas() {
  static const auto* names = [] {
    auto* s = new std::string;
    for (const Isa& isa : isas()) *s += (s->empty() ? "" : " ") + std::string(isa.name);
    return s;
  }();
  return names->c_str();
}

}  // namespace quern
