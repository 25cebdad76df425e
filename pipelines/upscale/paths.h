// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace upscale {

// The parts of a path, as strings.
std::string base_name(const std::string& path);
std::string folder_of(const std::string& path);
std::string joined(const std::string& folder, const std::string& name);
// "mp4" of "a.MP4"; empty: none.
std::string ending_of(const std::string& path);
// The base name without its ending.
std::string stem_of(const std::string& path);

bool is_folder(const std::string& path);
bool exists(const std::string& path);

// Files of the folder, not hidden, in natural order: 2 comes before 10. Throws Failure (kInput).
std::vector<std::string> files_in(const std::string& folder);

// Removes a folder and the files in it; what is not there is no error.
void remove_folder(const std::string& folder);

// Whether the path's last name holds exactly one number in printf's form: "frame%04d.png".
bool is_pattern(const std::string& path);

// A path with a number in its last name.
class NumberedName {
  public:
    // width: digits at least; zeros come first. The number stands between `before` and `after`.
    NumberedName(std::string before, size_t width, std::string after);
    // is_pattern() holds.
    explicit NumberedName(const std::string& pattern);

    std::string at(size_t number) const;
    void set_before(const std::string& before) { before_ = before; }
    // Files that are there under any of the names.
    std::vector<std::string> existing() const;

  private:
    bool gives(const std::string& path) const;

    std::string before_, after_;
    size_t width_;
};

}  // namespace upscale
