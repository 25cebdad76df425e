// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "pipelines/upscale/place.h"

namespace upscale {

// A file or a folder under a hidden name beside the place that it takes when it is complete. It is
// locked as long as it is written, so that one whose process died can be told from one at work.
class Unfinished {
  public:
    enum class Kind { kFile, kFolder };

    // Makes it, and removes those that dead processes left beside the same place. Throws Failure
    // (kOutput).
    Unfinished(const Place& place, Kind kind);
    // Removes what is not complete.
    ~Unfinished();
    Unfinished(const Unfinished&) = delete;
    Unfinished& operator=(const Unfinished&) = delete;

    const std::string& path() const { return path_; }
    // That of the open file or folder.
    int descriptor() const { return descriptor_; }

    // A complete file gets to the disk and takes the place's name. One that has appeared there
    // since find_place() looked stays; then, and where the name cannot be taken, the result stays
    // beside it under a name that Failure (kOutput) tells.
    void take_place(bool overwrite);
    // The same of a file in the folder; sync_descriptor() comes before, sync_folder() after the
    // last.
    void take_place(const std::string& file, const Place& place, bool overwrite);

    // Has the result stay beside its place, and throws a Failure (kOutput) that says why and
    // where.
    [[noreturn]] void keep(const std::string& why);

  private:
    bool make(const std::string& path);
    void forget();

    const Place place_;
    const Kind kind_;
    std::string path_;
    int descriptor_ = -1;
};

// "." and the name, or something shorter that stands for it, such that `tail` (of 30 bytes at
// most) fits behind it.
std::string hidden_beside(const std::string& path, const std::string& tail);

// A file or folder that is removed when the object goes, or the process ends by
// remove_unfinished().
class RemovedAtEnd {
  public:
    explicit RemovedAtEnd(std::string path);
    ~RemovedAtEnd();
    RemovedAtEnd(const RemovedAtEnd&) = delete;
    RemovedAtEnd& operator=(const RemovedAtEnd&) = delete;
    const std::string& path() const { return path_; }

  private:
    const std::string path_;
};

// While it lives, results take their places: it would be a pity to have only some of them.
class Commit {
  public:
    Commit();
    ~Commit();
    Commit(const Commit&) = delete;
    Commit& operator=(const Commit&) = delete;
};

// For an end of the process in which no destructor runs: removes all that is unfinished, and has
// threads that would begin something wait for that end. From any thread. False: nothing was done,
// because there is a Commit and in_commit is false.
bool remove_unfinished(bool in_commit);

}  // namespace upscale
