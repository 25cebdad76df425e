// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace pipelines {

// Keeps memory that was freed for whatever needs some next, on any thread. Each viewer has threads
// of its own; the C library would give them pools of their own, and a server of short visits grew
// by the holes in them. To be called before there are threads.
void share_memory();

// Whoever reads what the process prints may go away (a log's `| head`), and the file that it goes
// to may have its full size (`ulimit -f`), without ending it.
void outlive_readers();

// Allows the process as many descriptors as the system lets it have: libraries abort where there
// is none left. Throws Failure (kUsage), which names --max-viewers, where these are too few for
// `viewers` of so many each.
void allow_descriptors(size_t viewers, size_t of_viewer);

}  // namespace pipelines
