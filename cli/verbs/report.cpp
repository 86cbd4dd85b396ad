// understudy report RUN...: one page of what runs learned.

#include "cli/reports/report.h"

#include <cstdio>

#include "autograd/files/atomic_file.h"
#include "kernels/device/error.h"

namespace understudy::cli {

void add_report(Verb& root, Command& command) {
  Verb verb = root.verb("report", "One page of results, curves and maps from one or more runs");
  struct Arguments {
    std::vector<std::string> runs;
    std::string out;
  };
  auto arguments = std::make_shared<Arguments>();
  verb.option("RUN", arguments->runs,
              "folders of runs, or with runs below them; or files that solve wrote")
      .required();
  verb.option("--out", arguments->out, "the page to write").required();
  verb.when_chosen([&command, arguments] {
    command.run = [&command, arguments] {
      std::vector<std::string> solved;
      for (const std::string& path : arguments->runs)
        if (path.ends_with(".npz")) solved.push_back(path);
      if (!solved.empty() && solved.size() < arguments->runs.size())
        fail(ErrorKind::bad_input, "report: expected runs, or files that solve wrote, found both");
      Report report;
      for (const std::string& path :
           solved.empty() ? runs_below(arguments->runs) : std::vector<std::string>{})
        report.runs.push_back(read_record(path));
      const std::size_t count = solved.empty() ? report.runs.size() : solved.size();
      const std::string page =
          solved.empty() ? report_page(std::move(report)) : solved_page(solved);
      files::write_file_atomically(arguments->out, files::bytes_of(page));
      if (command.common.json)
        print({{"report", arguments->out}, {"runs", count}, {"bytes", page.size()}});
      else if (!command.common.quiet)
        std::printf("%s: %zu %s, %zu kB\n", arguments->out.c_str(), count,
                    solved.empty() ? "runs" : "files", page.size() / 1000);
      return 0;
    };
  });
}

}  // namespace understudy::cli
