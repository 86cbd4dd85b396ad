// understudy export RUN: a trained policy as one C99 file, and its header.

#include <cstdio>

#include "algorithms/policies/export_c.h"
#include "autograd/files/atomic_file.h"
#include "cli/session/command.h"
#include "cli/training/player.h"

namespace understudy::cli {

namespace {

struct ExportOptions {
  std::string run, out, name;
  bool raw = false;
};

std::string header_of(const std::string& source) {
  return source.substr(0, source.size() - (source.ends_with(".c") ? 2 : 0)) + ".h";
}

void write(const std::string& path, const std::string& text) {
  files::AtomicFile file(path);
  file.write(text);
  file.commit();
}

int run(const ExportOptions& options, const Common& common) {
  Session session(common);
  const auto policy = load_policy(session.device(), options.run);
  const std::string name = options.name.empty() ? c_name_of(options.out) : options.name;
  const std::string header = header_of(options.out);
  const CSource written = policy_as_c(*policy, name, {.raw = options.raw});
  write(options.out, written.source);
  write(header, written.header);
  if (common.json)
    print({{"out", options.out},
           {"header", header},
           {"name", name},
           {"bytes", written.source.size()}});
  else if (!common.quiet)
    std::printf("%s, %s: %s_act; compile as C99, link with -lm\n", options.out.c_str(),
                header.c_str(), name.c_str());
  return 0;
}

}  // namespace

void add_export(Verb& root, Command& command) {
  Verb verb = root.verb("export", "A trained policy as one C99 file");
  auto options = std::make_shared<ExportOptions>();
  verb.option("RUN", options->run, "a run, or a policy's .safetensors").required();
  verb.option("--out", options->out, "policy.c; its header goes beside it").required();
  verb.option("--name", options->name, "that its names begin with (default: --out's own)");
  verb.flag("--raw", options->raw, "the density's own mode, not clipped to the actions' bounds");
  verb.when_chosen([&command, options] {
    command.run = [&command, options] { return run(*options, command.common); };
  });
}

}  // namespace understudy::cli
