// understudy env NAME: what an environment is, and what given actions do in it.

#include <cstdio>
#include <filesystem>

#include "autograd/files/npz.h"
#include "cli/reports/render.h"
#include "cli/session/command.h"
#include "cli/session/resolve_environment.h"
#include "cli/verbs/env_replay.h"
#include "cli/verbs/envs.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

struct EnvOptions {
  std::string name, actions, init, out, render, precision = "f64";
  std::int64_t num_envs = 0;  // 0: as many as --init or the actions have
  bool describe = false, beyond_bounds = false;
};

std::string joined(const Json& names) {
  std::string text;
  for (const Json& name : names) text += (text.empty() ? "" : ", ") + name.get<std::string>();
  return text;
}

int describe(const EnvironmentDescription& environment, const Common& common) {
  const Json details = environment_details(environment);
  if (common.json) {
    print(details);
    return 0;
  }
  std::printf("%s: %s\n", environment.name, environment.summary);
  std::printf("  source       %s\n", environment.source);
  std::printf("  state        %s\n", joined(details["state"]).c_str());
  std::printf("  observation  %s\n", joined(details["spaces"]["observation"]["names"]).c_str());
  std::printf("  action       %s\n", action_space_text(environment).c_str());
  std::printf("  horizon      %d\n", environment.horizon);
  for (const char* mark : {"solved", "random_return", "reference_return"})
    if (details[mark].is_number())
      std::printf("  %-11s  %g\n", std::string(mark).substr(0, std::string(mark).find('_')).c_str(),
                  details[mark].get<double>());
  return 0;
}

// How many actions came after an episode's end, where a user's own environment takes none.
std::vector<std::string> remarks_on(const EnvironmentDescription& environment,
                                    const files::NamedArrays& arrays, std::int64_t num_envs,
                                    std::int64_t steps) {
  if (environment.user == nullptr) return {};
  const std::span<const bool> terminated = arrays.at("terminated").as<bool>(),
                              truncated = arrays.at("truncated").as<bool>();
  std::int64_t beyond = 0;
  for (std::int64_t i = 0; i < num_envs; ++i)
    for (std::int64_t t = 0; t + 1 < steps; ++t) {
      const auto at = static_cast<std::size_t>(i * steps + t);
      beyond += terminated[at] || truncated[at];
    }
  if (beyond == 0) return {};
  return {
      formatted("%s: %lld actions after the end of an episode were not taken: an environment of "
                "your own is not stepped there",
                environment.name, static_cast<long long>(beyond))};
}

int run(const EnvOptions& options, const Common& common) {
  const EnvironmentDescription& environment = resolve_environment(options.name);
  if (options.describe) return describe(environment, common);
  if (options.actions.empty() || (options.out.empty() && options.render.empty()))
    fail(ErrorKind::bad_input,
         "env: expected --describe, or --actions A.csv and --out T.npz (or --render DIR)");
  if (!options.out.empty() && !options.out.ends_with(".npz"))
    fail(ErrorKind::bad_input, "--out: expected a name that ends in .npz, found %s",
         options.out.c_str());
  const ReplayActions actions = read_actions(options.actions, environment, options.beyond_bounds);
  std::vector<double> states;
  if (!options.init.empty()) states = read_states(options.init, environment);

  ReplayOptions how;
  how.seed = common.seed;
  how.single_precision = options.precision == "f32";
  how.num_envs = !states.empty() ? static_cast<std::int64_t>(states.size()) / environment.state_size
                 : options.num_envs > 0 ? options.num_envs
                                        : actions.num_envs;
  if (options.num_envs > 0 && how.num_envs != options.num_envs)
    fail(ErrorKind::bad_input, "--num-envs %lld, but %s has %lld rows",
         static_cast<long long>(options.num_envs), options.init.c_str(),
         static_cast<long long>(how.num_envs));
  if (!actions.shared && actions.num_envs != how.num_envs)
    fail(ErrorKind::bad_input, "%s: expected actions of %lld environments, found %lld",
         options.actions.c_str(), static_cast<long long>(how.num_envs),
         static_cast<long long>(actions.num_envs));

  Session session(common);
  const files::NamedArrays arrays = replay(session.device(), environment, actions, states, how);
  print_remarks(common, remarks_on(environment, arrays, how.num_envs, actions.steps));
  if (!options.out.empty()) files::write_npz(options.out, arrays);
  if (!options.render.empty()) {
    // The first environment's, which stands first.
    std::vector<double> shown = arrays.at("states").converted<double>();
    shown.resize(static_cast<std::size_t>((actions.steps + 1) * environment.state_size));
    render_states(environment, shown, options.render);
  }
  double total = 0;
  for (double reward : arrays.at("rews").converted<double>()) total += reward;
  if (common.json) {
    print({{"environment", environment.name},
           {"num_envs", how.num_envs},
           {"steps", actions.steps},
           {"return_mean", total / static_cast<double>(how.num_envs)},
           {"precision", options.precision},
           {"out", options.out.empty() ? options.render : options.out}});
  } else if (!common.quiet) {
    std::printf("%s: %lld steps of %lld environment%s, mean return %g; %s\n", environment.name,
                static_cast<long long>(actions.steps), static_cast<long long>(how.num_envs),
                how.num_envs == 1 ? "" : "s", total / static_cast<double>(how.num_envs),
                options.out.empty() ? options.render.c_str() : options.out.c_str());
  }
  return 0;
}

}  // namespace

void add_env(Verb& root, Command& command) {
  Verb verb = root.verb("env", "Describes an environment, or replays given actions in it");
  auto options = std::make_shared<EnvOptions>();
  verb.option("NAME", options->name, "as `understudy envs` lists it, or a library.so of your own")
      .required();
  verb.flag("--describe", options->describe, "its state, spaces, horizon and source");
  verb.option("--actions", options->actions,
              "CSV of actions: column action, or act_0, act_1, ...; perhaps t and environment");
  verb.option("--init", options->init,
              "CSV of internal states to start from, a row an environment; columns: --describe");
  verb.option("--num-envs", options->num_envs, "started by --seed, where there is no --init")
      .between(1, 1 << 24);
  verb.option("--precision", options->precision, "f32 or f64 (default)").one_of({"f32", "f64"});
  verb.flag("--beyond-bounds", options->beyond_bounds,
            "lets continuous actions pass their bounds, to see what the environment does");
  verb.option("--out", options->out,
              "T.npz: obs, acts, rews, states, terminated, truncated, an episode an environment");
  verb.option("--render", options->render,
              "folder for pictures of the first environment: frame_*.png and animation.svg");
  verb.when_chosen([&command, options] {
    command.run = [&command, options] { return run(*options, command.common); };
  });
}

}  // namespace understudy::cli
