// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace upscale {

// A folder that one process at a time works in; a process that dies leaves it free.
class FolderLock {
  public:
    // Makes the folder where it is not there. Throws Failure (kOutput); it says who has it.
    explicit FolderLock(const std::string& folder);
    ~FolderLock();
    FolderLock(const FolderLock&) = delete;
    FolderLock& operator=(const FolderLock&) = delete;

    // The file's name in the folder.
    static constexpr char kName[] = "lock";

  private:
    bool take(const std::string& folder, const std::string& path);

    int descriptor_ = -1;
};

}  // namespace upscale
