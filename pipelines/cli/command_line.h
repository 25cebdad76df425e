// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <glib.h>

#include <string>
#include <vector>

namespace pipelines {

// A command line as GLib reads it, with two differences: a misspelt option is answered with the
// nearest one, and everything that is wrong is a Failure (kUsage).
class CommandLine {
  public:
    // `words`: what comes after the program's name in the first line of the help. `description`
    // ends the help.
    CommandLine(const char* words, const char* description);
    ~CommandLine();
    CommandLine(const CommandLine&) = delete;
    CommandLine& operator=(const CommandLine&) = delete;

    // `entries` without the empty one at the end. Callbacks among them get `data`. What the
    // entries point to outlives the command line; strings that GLib puts there do not, and are
    // null from then on.
    void add_group(const char* title, std::vector<GOptionEntry> entries, gpointer data = nullptr);

    // Returns the words that are no options. Prints the help and ends the program at --help.
    std::vector<std::string> parse(int argc, char** argv);

  private:
    void refuse_unknown(int argc, char** argv) const;

    GOptionContext* context_;
    std::vector<std::string> names_;
    std::vector<GOptionEntry> texts_;  // entries whose values have to be freed
};

// Throws Failure (kFailed) where standard output has not taken what was printed, as on a full
// disk. A reader that has seen enough (`| head`) is no failure.
void check_said();

// Throws Failure (kUsage) where the number is not within the range.
void check_range(const char* option, int value, int low, int high);

}  // namespace pipelines
