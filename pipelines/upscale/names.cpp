// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/names.h"

#include <gst/gst.h>

#include "pipelines/upscale/exit_code.h"

namespace upscale {

namespace {

constexpr size_t kDigits = 5;  // of the pictures of a video in a folder

// The images of which a frame is written. Throws Failure (kInput) where there is none.
std::vector<std::string> images_in_window(const Options& options, const Source& source) {
    const double fps = options.fps > 0 ? options.fps : 30;
    int fps_n = 30, fps_d = 1;
    gst_util_double_to_fraction(fps, &fps_n, &fps_d);
    std::vector<std::string> images;
    for (size_t i = 0; i < source.images().size(); ++i) {
        const GstClockTime time = gst_util_uint64_scale(i, fps_d * GST_SECOND, fps_n);
        if (time >= options.window.start && time < options.window.end) {
            images.push_back(source.images()[i]);
        }
    }
    if (images.empty()) throw Failure(ExitCode::kInput, source.name() + " has no frame there");
    return images;
}

// `tail`: comes behind the stem.
ResultName in_folder(const std::string& folder, const std::string& input, const std::string& tail) {
    const std::string stem = input == "-" ? "stdin" : stem_of(input);
    const std::string name = input == "-" ? "stdin" : base_name(input);
    return {joined(folder, stem + tail), joined(folder, name + tail), input};
}

ResultNames name_in_folder(const Options& options, const Source& source, const Format& format,
                           bool many) {
    const std::string folder = options.output;
    const std::string input = source.is_standard_input() ? "-" : source.name();
    const std::string ending = std::string(".") + format.ending;
    const bool images = source.kind() == Source::Kind::kImages;
    ResultNames names;
    if (options.preview) {
        for (int i = 1; i <= options.preview; ++i) {
            const std::string number = options.preview == 1 ? "" : "-" + std::to_string(i);
            names.results.push_back(in_folder(folder, input, number + ending));
        }
    } else if (!format.holds_pictures() || (!images && source.is_one_picture())) {
        names.results = {in_folder(folder, input, ending)};
    } else if (images) {
        names.shown = many && is_folder(source.name()) ? joined(folder, base_name(input)) : folder;
        for (const std::string& image : images_in_window(options, source)) {
            names.results.push_back(in_folder(names.shown, image, ending));
        }
        return names;
    } else {
        names.results = {in_folder(folder, input, "-")};
        names.numbered.emplace(names.results.front().plain, kDigits, ending);
    }
    names.shown =
        names.numbered ? names.results.front().plain + "%05d.png" : names.results.front().plain;
    return names;
}

std::vector<std::string> preview_names(const Options& options) {
    const std::string& output = options.output;
    std::vector<std::string> names;
    for (int i = 1; i <= options.preview; ++i) {
        if (is_pattern(output)) {
            names.push_back(NumberedName(output).at(i));
        } else if (options.preview == 1) {
            names.push_back(output);
        } else {
            const size_t ending = ending_of(output).empty() ? 0 : ending_of(output).size() + 1;
            names.push_back(output.substr(0, output.size() - ending) + "-" + std::to_string(i) +
                            ".png");
        }
    }
    return names;
}

ResultNames name_directly(const Options& options, const Source& source, const Format& format) {
    const std::string& output = options.output;
    const bool images = source.kind() == Source::Kind::kImages;
    const bool one = format.holds_pictures() && source.is_one_picture();
    const bool named_one = one && images && source.images().front() == source.name();
    ResultNames names;
    names.shown = output;
    if (options.preview) {
        for (const std::string& name : preview_names(options)) {
            names.results.push_back({name, name, source.name()});
        }
    } else if (!format.holds_pictures() || named_one || (one && !is_pattern(output))) {
        names.results = {{output, output, source.name()}};
    } else if (!is_pattern(output)) {
        throw Failure(ExitCode::kUsage, output +
                                            " is one picture and the input has many: name a "
                                            "folder, or a pattern such as %05d.png");
    } else if (images) {
        for (const std::string& image : images_in_window(options, source)) {
            const std::string name = NumberedName(output).at(names.results.size() + 1);
            names.results.push_back({name, name, image});
        }
    } else {
        names.numbered.emplace(output);
        names.results = {{output, output, source.name()}};
    }
    return names;
}

std::string form_of(const Options& options, const Source& source) {
    const std::string& output = options.output;
    if (!options.format.empty()) return options.format;
    if (output == "-") return "y4m";
    if (!names_folder(output)) return ending_of(output);
    if (source.kind() == Source::Kind::kImages || options.preview) return "png";
    const std::string own = ending_of(source.name());
    return is_format(own) ? own : source.is_one_picture() ? "png" : "mp4";
}

}  // namespace

bool names_folder(const std::string& path) {
    return is_folder(path) || (!path.empty() && path.back() == '/');
}

const Format& choose_format(const Options& options, const Source& source) {
    const std::string form = form_of(options, source);
    const Format& format = format_of(form, options.output);
    if (options.preview && !format.holds_pictures()) {
        throw Failure(ExitCode::kUsage, "--preview makes pictures: name a folder or " +
                                            stem_of(options.output) + ".png");
    }
    return format;
}

ResultNames name_results(const Options& options, const Source& source, const Format& format,
                         bool many) {
    return names_folder(options.output) ? name_in_folder(options, source, format, many)
                                        : name_directly(options, source, format);
}

}  // namespace upscale
