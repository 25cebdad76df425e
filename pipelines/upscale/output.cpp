// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <limits>
#include <utility>

#include "pipelines/upscale/durable.h"
#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/mux.h"
#include "pipelines/upscale/paths.h"

namespace upscale {

Output::Output(const Options& options, const Source& source, const Destination& destination,
               const VideoPlan& plan)
    : options_(options), source_(source), destination_(destination), plan_(plan) {}

Output::~Output() {
    if (stream_ >= 0) close(stream_);
}

bool Output::is_container() const {
    return destination_.format->holds_tracks() && !destination_.is_stream();
}

void Output::begin() {
    if (unfinished_ || stream_ >= 0) return;
    if (destination_.is_stream()) {
        stream_ = open_stream(destination_.places.front());
    } else if (destination_.is_pictures()) {
        unfinished_ =
            std::make_unique<Unfinished>(destination_.first_place(), Unfinished::Kind::kFolder);
    } else {
        unfinished_ =
            std::make_unique<Unfinished>(destination_.places.front(), Unfinished::Kind::kFile);
    }
}

MuxOptions Output::mux_options() const {
    MuxOptions mux;
    mux.name = destination_.name;
    mux.format = destination_.format->muxer;
    if (source_.kind() == Source::Kind::kFile) mux.input = source_.path();
    mux.input_name = source_.name();
    mux.with_sound = options_.audio;
    mux.with_tracks = destination_.format->holds_tracks();
    mux.window = options_.window;
    mux.keep_rotation = keeps_rotation(options_, destination_);
    mux.double_rate = options_.deinterlace == "field";
    mux.plan = &plan_;
    return mux;
}

MuxOptions Output::whole_file() const {
    MuxOptions mux = mux_options();
    mux.piped = stream_ >= 0;
    mux.url = mux.piped ? "pipe:" + std::to_string(stream_) : "file:" + unfinished_->path();
    return mux;
}

std::string Output::picture_name(size_t number) const {
    return destination_.numbered ? destination_.numbered->at(number)
                                 : destination_.places.at(number - 1).name;
}

std::unique_ptr<Writer> Output::make_picture_writer(size_t first, size_t most, Report* report) {
    ImageWriter::Folder folder;
    folder.path = unfinished_->path();
    folder.first = first;
    folder.most = most;
    folder.name = [this](size_t number) { return picture_name(number); };
    return std::make_unique<ImageWriter>(std::move(folder), plan_, report);
}

std::unique_ptr<Writer> Output::make_writer(Report* report) {
    begin();
    if (destination_.format->muxer) return std::make_unique<Mux>(whole_file(), report);
    if (destination_.is_pictures() && unfinished_) {
        const size_t most =
            destination_.numbered ? std::numeric_limits<size_t>::max() : destination_.places.size();
        return make_picture_writer(1, most, report);
    }
    const int descriptor = stream_ >= 0 ? stream_ : unfinished_->descriptor();
    return std::make_unique<PictureWriter>(destination_.name, descriptor, plan_, report);
}

std::unique_ptr<Writer> Output::make_preview_writer(int number, Report* report) {
    begin();
    if (stream_ >= 0)
        return std::make_unique<PictureWriter>(destination_.name, stream_, plan_, report);
    return make_picture_writer(number + 1, 1, report);
}

std::unique_ptr<Writer> Output::make_part_writer(const std::string& path, Report* report) const {
    MuxOptions mux = mux_options();
    mux.url = "file:" + path;
    // NUT keeps every time, Matroska the alpha of VP9, which goes into Matroska alone.
    mux.format = destination_.codec == "vp9" ? "matroska" : "nut";
    mux.is_part = true;
    mux.with_tracks = false;
    return std::make_unique<Mux>(std::move(mux), report);
}

std::unique_ptr<Mux> Output::make_joiner(Report* report) {
    begin();
    return std::make_unique<Mux>(whole_file(), report);
}

void Output::finish() {
    if (!unfinished_) return;
    const Commit commit;
    if (destination_.is_pictures()) {
        finish_pictures();
    } else {
        unfinished_->take_place(options_.overwrite);
    }
}

void Output::finish_pictures() {
    sync_descriptor(unfinished_->descriptor(), destination_.name);
    for (size_t number = 1;; ++number) {
        const std::string picture = ImageWriter::path_in(unfinished_->path(), number);
        if (!exists(picture)) break;
        Place place;
        try {
            place = destination_.numbered ? find_place(destination_.numbered->at(number), false)
                                          : destination_.places.at(number - 1);
        } catch (const Failure& failure) {
            unfinished_->keep(failure.what());
        }
        unfinished_->take_place(picture, place, options_.overwrite);
    }
    sync_folder(folder_of(unfinished_->path()));
}

}  // namespace upscale
