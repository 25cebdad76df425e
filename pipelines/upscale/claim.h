// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <glib.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "pipelines/upscale/report.h"
#include "pipelines/upscale/unfinished.h"

namespace upscale {

// Who works on something that several machines could work on. It keeps them from doing work
// twice, and is nothing that results rely on: two that both believe to have it are harmless as
// long as each writes files of its own and renames them.
//
// Relied on, also of NFS: open() with O_EXCL makes a file for one alone, and who opens a file sees
// what was written and synced before. The holder writes to its file again and again. Another takes
// over with a file of the next number
// - where the file has not changed for `lease` seconds by the other's own clock,
// - at once where holder and other run on one kernel and the holder's flock() is gone, or where the
//   holder's machine was started anew since.
class Claim {
  public:
    // Waits as long as another holds it; null: is_done() came to hold meanwhile. path: of its
    // files, without the number. say: hears whom is waited for. Throws Failure (kOutput).
    static std::unique_ptr<Claim> take(const std::string& path, double lease,
                                       const std::function<bool()>& is_done, const Say& say);
    // Another may have it.
    ~Claim();
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

    // Frames that are done, for those who look on.
    void set_frames(guint64 frames);

  private:
    Claim(const std::string& path, int descriptor, double lease);
    void write_state();
    void renew();

    const RemovedAtEnd file_;
    const int descriptor_;
    const double lease_;
    std::string holder_;
    std::mutex mutex_;
    std::condition_variable changed_;
    guint64 frames_ = 0, writes_ = 0;
    bool ended_ = false;
    std::thread thread_;
};

}  // namespace upscale
