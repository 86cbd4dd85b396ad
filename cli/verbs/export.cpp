// understudy export RUN: a trained policy as one C99 file.

#include <cstdio>

#include "algorithms/policies/export_c.h"
#include "autograd/files/atomic_file.h"
#include "cli/session/command.h"
#include "cli/training/player.h"

namespace understudy::cli {

namespace {

struct ExportOptions {
  std::string run, out, name = "policy";
};

int run(const ExportOptions& options, const Common& common) {
  Session session(common);
  const auto policy = load_policy(session.device(), options.run);
  const std::string source = policy_as_c(*policy, options.name);
  files::AtomicFile file(options.out);
  file.write(source);
  file.commit();
  if (common.json)
    print({{"out", options.out}, {"name", options.name}, {"bytes", source.size()}});
  else if (!common.quiet)
    std::printf("%s: %s_act; compile as C99, link with -lm\n", options.out.c_str(),
                options.name.c_str());
  return 0;
}

}  // namespace

void add_export(Verb& root, Command& command) {
  Verb verb = root.verb("export", "A trained policy as one C99 file");
  auto options = std::make_shared<ExportOptions>();
  verb.option("RUN", options->run, "a run, or a policy's .safetensors").required();
  verb.option("--out", options->out, "policy.c").required();
  verb.option("--name", options->name, "that its functions begin with (default policy)");
  verb.when_chosen([&command, options] {
    command.run = [&command, options] { return run(*options, command.common); };
  });
}

}  // namespace understudy::cli
