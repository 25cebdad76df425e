// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>

namespace upscale {

// Where a result goes, as it is before the work.
struct Place {
    std::string name;     // as the user knows it, for messages
    std::string path;     // absolute, links followed; empty: `descriptor` is open already
    bool stream = false;  // a pipe or a device, or what is open: written through, never replaced
    int descriptor = -1;  // of the standard output and of /dev/fd/N
    bool exists = false;  // there is something that would be lost
    dev_t device = 0;     // with the inode it tells what exists from all other files
    ino_t inode = 0;
    mode_t mode = 0;  // permissions of what exists
};

// Looks at a name of a file, or "-" for the standard output. The file's folder may be missing
// where `new_folder` says that it is made later. Throws Failure (kOutput) where nothing can be
// written under that name.
Place find_place(const std::string& name, bool new_folder);

// Opens a stream for writing; the caller closes the descriptor. A named pipe is waited for until
// somebody reads from it. Throws Failure (kOutput).
int open_stream(const Place& place);

}  // namespace upscale
