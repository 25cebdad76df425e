#ifndef FLASHVSR_PIPELINES_UPSCALE_PATHS_H_
#define FLASHVSR_PIPELINES_UPSCALE_PATHS_H_

#include <string>
#include <vector>

namespace upscale {

/// The parts of a path, as strings.
std::string base_name(const std::string& path);
std::string folder_of(const std::string& path);
std::string joined(const std::string& folder, const std::string& name);
/// "mp4" of "a.MP4"; empty: none.
std::string ending_of(const std::string& path);
/// The base name without its ending.
std::string stem_of(const std::string& path);

bool is_folder(const std::string& path);
bool exists(const std::string& path);
bool same_file(const std::string& a, const std::string& b);

/// Files of the folder, not hidden, in natural order: 2 comes before 10. Throws Failure (kInput).
std::vector<std::string> files_in(const std::string& folder);

/// Removes a folder and the files in it; what is not there is no error.
void remove_folder(const std::string& folder);

/// Whether `path` holds exactly one number in printf's form, as in "frame%04d.png".
bool is_pattern(const std::string& path);
/// The pattern with its number filled in.
std::string fill_pattern(const std::string& pattern, int number);

}  // namespace upscale

#endif  // FLASHVSR_PIPELINES_UPSCALE_PATHS_H_
