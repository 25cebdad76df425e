// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <glib.h>

#include <string>
#include <vector>

namespace pipelines {

// Where a secret may come from. The words of a command line are shown to every user of the
// machine; a file and the environment are not.
struct SecretSources {
    const char* option;    // "--token"
    const char* word;      // what followed it; null: it was not given
    const char* file;      // what followed option + "-file"; null: it was not given
    const char* variable;  // of the environment, which counts where neither is given
};

// The secret; empty: there is none. Of a file the first line. Throws Failure (kUsage) where the
// option is given in both forms, or the file cannot be read, is empty or longer than 4096 bytes.
std::string read_secret(const SecretSources& sources);

// "--source-file FILE", for the command line of a server.
GOptionEntry source_file_entry(gchar** file);

// The source: the one word of the command line, the first line of the file (null: none), or
// FLASHVSR_SOURCE, since a URL may hold a password. Throws Failure (kUsage) where there is none,
// or more than one.
std::string read_place(const std::vector<std::string>& words, const char* file);

}  // namespace pipelines
