// SPDX-License-Identifier: Apache-2.0
// What the targets share. Each is a file with the LLVMFuzzerTestOneInput of libFuzzer's interface;
// an error that the product says is no finding, all else that ends the process is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace fuzz {

/// Path of a file that holds the input. There is one, whose content is that of the last call.
std::string as_file(const uint8_t* data, size_t size);
std::string as_file(const std::string& content);

/// Path of a folder of our own in which `name`, another name in each target, is that file.
std::string folder_with(const std::string& name);

std::vector<std::string> lines(const uint8_t* data, size_t size);

/// A command line: the program's name and the words.
class Words {
  public:
    explicit Words(std::vector<std::string> words);
    int count() const { return static_cast<int>(pointers_.size()) - 1; }
    char** pointers() { return pointers_.data(); }
    /// Whether a program would print its help and end.
    bool ask_for_help() const;

  private:
    std::vector<std::string> words_;
    std::vector<char*> pointers_;
};

}  // namespace fuzz
