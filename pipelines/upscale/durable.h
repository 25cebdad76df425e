// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace upscale {

// What is written here is there, as a whole, even if the power fails right after. All of it throws
// Failure (kFailed), which names the file.

// The bytes of an open file, or of all files of the file system that an open folder is in.
// name: for the message.
void sync_descriptor(int descriptor, const std::string& name);
void sync_file(const std::string& path);
// The names in a folder.
void sync_folder(const std::string& folder);
// Within one folder; replaces what has the new name.
void rename_durably(const std::string& from, const std::string& to);
// The file has its old content or the new one, at any moment, whoever else writes it.
void write_durably(const std::string& path, const std::string& content);

// A word that no other process makes, on whatever machine, nor this one again.
std::string unique_token();

}  // namespace upscale
