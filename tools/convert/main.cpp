// SPDX-License-Identifier: Apache-2.0
// flashvsr-convert: repacks the files of a model; `flashvsr-upscale --convert` starts it.
#include <c10/core/GradMode.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "models/error.h"
#include "tools/convert/convert.h"

namespace {

using flashvsr::Error;
using flashvsr::convert::Options;
using flashvsr::convert::Repacked;

constexpr int kFailed = 1;
constexpr int kUsage = 2;

constexpr const char* kHelp =
    "usage: flashvsr-convert FOLDER|FILE INTO [--dtype bf16|fp16|fp32] [--overwrite]\n"
    "\n"
    "Repacks checkpoints (.ckpt, .pth, .safetensors) as safetensors in the folder INTO, in bf16\n"
    "unless another type is named, and reads each back. The result is a model-dir as the source "
    "is.\n";

at::ScalarType type_of(const std::string& name) {
    static const std::map<std::string, at::ScalarType> known = {
        {"bf16", at::kBFloat16}, {"fp16", at::kHalf}, {"fp32", at::kFloat}};
    const auto found = known.find(name);
    if (found == known.end())
        throw Error(Error::Kind::kInvalidArgument,
                    "--dtype is '" + name + "': allowed are bf16, fp16, fp32");
    return found->second;
}

Options parse(int argc, char** argv) {
    Options options;
    std::vector<std::string> places;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "--overwrite") {
            options.overwrite = true;
        } else if (word == "--dtype" && i + 1 < argc) {
            options.type = type_of(argv[++i]);
        } else if (word.rfind("--", 0) == 0) {
            throw Error(Error::Kind::kInvalidArgument, word + "?\n" + kHelp);
        } else {
            places.push_back(word);
        }
    }
    if (places.size() != 2) throw Error(Error::Kind::kInvalidArgument, kHelp);
    options.from = places[0];
    options.into = places[1];
    return options;
}

void print(const Repacked& file) {
    std::printf("%s: %lld tensors, %.1f MB as %.1f MB\n",
                std::filesystem::path(file.into).filename().c_str(),
                static_cast<long long>(file.tensors), static_cast<double>(file.bytes_before) / 1e6,
                static_cast<double>(file.bytes_after) / 1e6);
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc > 1 && (std::string(argv[1]) == "--help" || std::string(argv[1]) == "-h")) {
            std::fputs(kHelp, stdout);
            return 0;
        }
        const c10::NoGradGuard no_grad;
        flashvsr::convert::convert(parse(argc, argv), print);
        return 0;
    } catch (const Error& error) {
        std::fprintf(stderr, "flashvsr-convert: %s\n", error.what());
        return error.kind() == Error::Kind::kInvalidArgument ? kUsage : kFailed;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "flashvsr-convert: %s\n", error.what());
        return kFailed;
    }
}
