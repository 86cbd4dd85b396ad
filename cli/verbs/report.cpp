// understudy report RUN...: one page of what runs learned.

#include "cli/reports/report.h"

#include <cstdio>

#include "autograd/files/atomic_file.h"

namespace understudy::cli {

void add_report(Verb& root, Command& command) {
  Verb verb = root.verb("report", "One page of results, curves and maps from one or more runs");
  struct Arguments {
    std::vector<std::string> runs;
    std::string out;
  };
  auto arguments = std::make_shared<Arguments>();
  verb.option("RUN", arguments->runs, "folders of runs, or with runs below them").required();
  verb.option("--out", arguments->out, "the page to write").required();
  verb.when_chosen([&command, arguments] {
    command.run = [&command, arguments] {
      Report report;
      for (const std::string& path : runs_below(arguments->runs))
        report.runs.push_back(read_record(path));
      const std::size_t count = report.runs.size();
      const std::string page = report_page(std::move(report));
      files::write_file_atomically(arguments->out, files::bytes_of(page));
      if (command.common.json)
        print({{"report", arguments->out}, {"runs", count}, {"bytes", page.size()}});
      else if (!command.common.quiet)
        std::printf("%s: %zu runs, %zu kB\n", arguments->out.c_str(), count, page.size() / 1000);
      return 0;
    };
  });
}

}  // namespace understudy::cli
