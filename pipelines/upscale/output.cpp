#include "pipelines/upscale/output.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/mux.h"
#include "pipelines/upscale/paths.h"

namespace upscale {

namespace {

bool names_folder(const std::string& path) {
    return is_folder(path) || (!path.empty() && path.back() == '/');
}

void make_folder(const std::string& path) {
    if (g_mkdir_with_parents(path.c_str(), 0777) != 0) {
        throw Failure(ExitCode::kOutput, path + ": " + g_strerror(errno));
    }
}

void rename_to(const std::string& from, const std::string& to) {
    if (g_rename(from.c_str(), to.c_str()) != 0) {
        throw Failure(ExitCode::kOutput, to + ": " + g_strerror(errno));
    }
}

/// Beside the file, hidden, and of this process.
std::string hidden(const std::string& path) {
    return joined(folder_of(path),
                  "." + base_name(path) + "." + std::to_string(getpid()) + ".part");
}

}  // namespace

Output::Output(const Options& options, const Source& source)
    : options_(options), source_(source), path_(options.output) {
    choose_name(options);
    codec_ = choose_codec(options, *format_);
    if (std::string(format_->ending) == "png") name_images(options);
    check_place();
    if (path_ != "-") temporary_ = hidden(images_.empty() ? path_ : images_.front());
}

Output::~Output() {
    if (temporary_.empty()) return;
    if (images_.empty()) {
        g_unlink(temporary_.c_str());
    } else {
        remove_folder(temporary_);
    }
}

void Output::choose_name(const Options& options) {
    if (path_ == "-") {
        format_ = &format_of(options.format.empty() ? "y4m" : options.format, path_);
        return;
    }
    if (!names_folder(path_)) {
        format_ = &format_of(options.format.empty() ? ending_of(path_) : options.format, path_);
        return;
    }
    make_folder(path_);
    const std::string own = ending_of(source_.name());
    std::string ending = is_format(own) ? own : "mp4";
    if (source_.kind() == Source::Kind::kImages || options.preview) ending = "png";
    if (!options.format.empty()) ending = options.format;
    format_ = &format_of(ending, path_);
    if (ending != "png" || options.preview) {
        const std::string stem = source_.is_standard_input() ? "stdin" : stem_of(source_.name());
        path_ = joined(path_, stem + "." + ending);
    }
}

void Output::name_images(const Options& options) {
    if (options.preview) {
        const std::string stem = joined(folder_of(path_), stem_of(path_));
        for (int i = 1; i <= options.preview; ++i) {
            images_.push_back(options.preview == 1 ? path_
                                                   : stem + "-" + std::to_string(i) + ".png");
        }
    } else if (is_folder(path_) && source_.kind() == Source::Kind::kImages) {
        for (const std::string& image : source_.images()) {
            images_.push_back(joined(path_, stem_of(image) + ".png"));
        }
    } else if (is_folder(path_)) {
        images_ = {joined(path_, stem_of(source_.name()) + "-%05d.png")};
    } else if (is_pattern(path_) || source_.images().size() == 1) {
        images_ = {path_};
    } else {
        throw Failure(ExitCode::kUsage, path_ +
                                            " is one picture and the input has many: name a "
                                            "folder, or a pattern such as %05d.png");
    }
}

void Output::check_place() const {
    if (path_ == "-") return;
    std::vector<std::string> files = images_.empty() ? std::vector{path_} : images_;
    if (files.size() == 1) files.front() = fill_pattern(files.front(), 1);
    for (const std::string& file : files) {
        const auto& images = source_.images();
        if (same_file(file, source_.path()) ||
            std::any_of(images.begin(), images.end(),
                        [&](const auto& image) { return same_file(file, image); })) {
            throw Failure(ExitCode::kOutput, file + " is the input; name another file with -o");
        }
        if (!options_.overwrite && exists(file)) {
            throw Failure(ExitCode::kOutput, file + " exists; --overwrite replaces it");
        }
    }
    const std::string folder = folder_of(files.front());
    if (g_access(folder.c_str(), W_OK) != 0) {
        throw Failure(ExitCode::kOutput, folder + ": " + g_strerror(errno));
    }
}

std::string Output::parts_folder() const {
    return joined(folder_of(path_), "." + base_name(path_) + ".parts");
}

std::string Output::temporary_image(const std::string& final_name) const {
    make_folder(temporary_);
    return joined(temporary_, base_name(final_name));
}

MuxOptions Output::mux_options(const std::string& path, const char* muxer) const {
    MuxOptions mux;
    mux.path = path;
    mux.format = muxer;
    if (source_.kind() == Source::Kind::kFile) mux.input = source_.path();
    mux.input_name = source_.name();
    mux.with_sound = options_.audio;
    mux.window = options_.window;
    return mux;
}

std::unique_ptr<Writer> Output::make_writer(Report* report) const {
    if (!images_.empty()) {
        std::vector<std::string> names;
        for (const std::string& name : images_) names.push_back(temporary_image(name));
        return std::make_unique<ImageWriter>(std::move(names));
    }
    const std::string path = path_ == "-" ? path_ : temporary_;
    if (!format_->muxer) return std::make_unique<RawWriter>(path);
    return std::make_unique<Mux>(mux_options(path, format_->muxer), report);
}

std::unique_ptr<Writer> Output::make_preview_writer(int number) const {
    return std::make_unique<ImageWriter>(std::vector{temporary_image(images_[number])});
}

std::unique_ptr<Writer> Output::make_part_writer(const std::string& path, Report* report) const {
    MuxOptions mux = mux_options(path, "nut");
    mux.with_tracks = false;
    return std::make_unique<Mux>(std::move(mux), report);
}

std::unique_ptr<Mux> Output::make_joiner(Report* report) const {
    return std::make_unique<Mux>(mux_options(temporary_, format_->muxer), report);
}

void Output::finish() {
    if (path_ == "-") return;
    if (images_.empty()) {
        rename_to(temporary_, path_);
        return;
    }
    const std::string folder = folder_of(images_.front());
    for (const std::string& image : files_in(temporary_)) {
        rename_to(image, joined(folder, base_name(image)));
    }
}

}  // namespace upscale
