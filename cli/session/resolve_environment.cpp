#include "cli/session/resolve_environment.h"

#include <dlfcn.h>

#include <map>
#include <memory>

#include "envs/user_environment.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

const EnvironmentDescription& load(const std::string& path) {
  static std::map<std::string, std::unique_ptr<UserEnvironment>> loaded;
  std::unique_ptr<UserEnvironment>& one = loaded[path];
  if (one != nullptr) return one->description();
  // Without a '/' the loader would look in the system's folders.
  const std::string file = path.find('/') == path.npos ? "./" + path : path;
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) fail(ErrorKind::bad_file, "%s", dlerror());
  using Table = const understudy_environment* (*)();
  const Table table = reinterpret_cast<Table>(dlsym(library, "understudy_environment_table"));
  if (table == nullptr)
    fail(ErrorKind::bad_file, "%s: expected a function understudy_environment_table, found none",
         path.c_str());
  const understudy_environment* found = table();
  if (found == nullptr)
    fail(ErrorKind::bad_file, "%s: understudy_environment_table gave no table", path.c_str());
  one = std::make_unique<UserEnvironment>(*found, path.c_str());
  return one->description();
}

}  // namespace

const EnvironmentDescription& resolve_environment(const std::string& name) {
  if (name.find('/') != name.npos || name.ends_with(".so") || name.ends_with(".dylib"))
    return load(name);
  return environment_named(name.c_str());
}

}  // namespace understudy::cli
