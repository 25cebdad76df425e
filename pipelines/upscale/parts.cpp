// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/parts.h"

#include <glib/gstdio.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "pipelines/upscale/durable.h"
#include "pipelines/upscale/fingerprint.h"
#include "pipelines/upscale/format.h"
#include "pipelines/upscale/paths.h"
#include "pipelines/upscale/unfinished.h"

namespace upscale {

namespace {

// Past the start-up chunk, and several times as far as attention looks back.
constexpr GstClockTime kLeadIn = 2 * GST_SECOND;

// What the input holds, wherever and under whatever time stamp it lies.
std::string describe_input(const Source& source) {
    if (source.images().empty()) return fingerprint_of(source.path());
    std::string text;
    for (const std::string& image : source.images()) text += fingerprint_of(image) + " ";
    return text;
}

// Stands for all that the frames depend on.
std::string describe_settings(const Options& options, const Source& source, const Output& output) {
    const VideoPlan& plan = output.plan();
    std::string text = describe_input(source) + " " + plan.encoder->name + " " + plan.pixel_format +
                       " " + std::to_string(plan.crf) + " " + plan.raw_caps + " " +
                       output.destination().format->ending;  // which may keep a rotation
    for (const auto& [name, value] : options.settings) text.append(" " + name + "=").append(value);
    for (const double number : {options.fps, options.part}) text += " " + std::to_string(number);
    for (const GstClockTime time : {options.window.start, options.window.end}) {
        text += " " + std::to_string(time);
    }
    text += " " + options.deinterlace;
    gchar* sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text.c_str(), -1);
    std::string result(sum);
    g_free(sum);
    return result;
}

// The place of an output that can be made in parts. Throws Failure (kUsage).
const Place& place_of(const Output& output, const Source& source) {
    if (!output.is_container() || source.kind() == Source::Kind::kPipe) {
        throw Failure(ExitCode::kUsage, "--resume is for files in mp4, mov, mkv or webm");
    }
    return output.destination().places.front();
}

guint64 size_of(const std::string& path) {
    struct stat status {};
    return stat(path.c_str(), &status) == 0 ? status.st_size : 0;
}

}  // namespace

Parts::Parts(const Options& options, const Source& source, const Media& media, Output* output)
    : options_(options),
      source_(source),
      media_(media),
      output_(output),
      place_(place_of(*output, source)),
      folder_(parts_folder(place_)),
      lock_(folder_) {
    sync_folder(folder_of(folder_));
    read_journal();
}

// The journal goes last: as long as it is there it tells that the result is done. Then the folder
// loses its name, so that nobody takes up what is left of it.
void Parts::remove() const {
    for (size_t index = 0; index < journal_.parts.size(); ++index) g_unlink(path(index).c_str());
    sync_folder(folder_);
    const RemovedAtEnd removed(
        hidden_beside(place_.path, "." + std::to_string(getpid()) + ".part"));
    if (g_rename(folder_.c_str(), removed.path().c_str()) != 0) remove_folder(folder_);
}

void Parts::read_journal() {
    const std::string settings = describe_settings(options_, source_, *output_);
    Journal found;
    const bool readable = found.read(journal_in(folder_));
    const bool same = readable && found.settings == settings;
    if (readable && !same && !options_.overwrite) {
        throw Failure(ExitCode::kOutput, folder_ +
                                             " holds parts of another input or of other settings; "
                                             "--overwrite begins anew");
    }
    if (same) journal_ = std::move(found);
    journal_.settings = settings;
    // What was being written when the work was broken off, and parts that nothing is known of.
    for (const std::string& file : files_in(folder_)) {
        const std::string name = base_name(file);
        bool known = name == FolderLock::kName || file == journal_in(folder_);
        for (size_t i = 0; i < journal_.parts.size() && !known; ++i) known = file == path(i);
        if (!known) g_unlink(file.c_str());
    }
}

// It never names a part that is not on the disk.
void Parts::write_journal() const { journal_.write(journal_in(folder_)); }

std::string Parts::path(size_t index) const {
    return joined(folder_, "part-" + std::to_string(index) + ".nut");
}

Window Parts::window(size_t index) const {
    const auto length = static_cast<GstClockTime>(options_.part * GST_SECOND);
    const GstClockTime start = options_.window.start + index * length;
    return {start, std::min(start + length, options_.window.end)};
}

guint64 Parts::frames() const {
    guint64 sum = 0;
    for (const PartRecord& part : journal_.parts) sum += part.there ? part.frames : 0;
    return sum;
}

JobResult Parts::run(Progress* progress, Report* report) {
    for (const Loss& loss : journal_.losses) report->loss(loss.kind, loss.text);
    const bool joined_before =
        output_->destination().before == Destination::Before::kResultAndParts;
    if (!joined_before) {
        check_parts(progress);
        for (size_t index = 0; index == 0 || !journal_.parts[index - 1].last; ++index) {
            if (index < journal_.parts.size() && journal_.parts[index].there) continue;
            progress->set_done_before(frames());
            make_part(index, progress, report);
        }
    }
    JobResult result;
    result.frames = frames();
    result.input_ended = true;
    if (joined_before) progress->say(place_.name + " is done; what was left of its parts goes");
    if (joined_before || result.frames == 0) return result;
    report->check();
    const std::unique_ptr<Mux> whole = output_->make_joiner(report);
    join(whole.get());
    whole->finish(options_.window.end);
    journal_.losses = report->losses();
    journal_.result = identity_of(output_->unfinished_path());
    write_journal();
    return result;
}

// Against what the journal says.
void Parts::check_parts(Progress* progress) {
    for (size_t index = 0; index < journal_.parts.size(); ++index) {
        PartRecord& part = journal_.parts[index];
        if (!part.there || part.frames == 0) continue;
        part.there = size_of(path(index)) == part.bytes && sum_of(path(index)) == part.sum;
        if (!part.there) {
            progress->say(path(index) + " is damaged or missing; it is made again");
        }
    }
    if (frames() > 0) progress->say("going on after " + std::to_string(frames()) + " frames");
}

void Parts::make_part(size_t index, Progress* progress, Report* report) {
    const std::string unfinished = path(index) + ".part";
    JobPlan plan;
    plan.window = window(index);
    plan.lead_in = index == 0 ? 0 : kLeadIn;
    plan.raw_caps = output_->plan().raw_caps;
    const RemovedAtEnd removed(unfinished);
    const std::unique_ptr<Writer> writer = output_->make_part_writer(unfinished, report);
    const JobResult result =
        run_job(options_, source_, media_, plan, writer.get(), progress, report);
    if (result.interrupted) {
        throw Failure(ExitCode::kInterrupted, "interrupted; the same command goes on");
    }
    PartRecord part;
    part.there = true;
    part.frames = result.frames;
    part.last = result.input_ended || plan.window.end == options_.window.end;
    if (part.frames > 0) {
        part.bytes = size_of(unfinished);
        part.sum = sum_of(unfinished);
        sync_file(unfinished);
        rename_durably(unfinished, path(index));
    }
    if (index >= journal_.parts.size() || part.last) journal_.parts.resize(index + 1);
    journal_.parts[index] = part;
    journal_.losses = report->losses();
    write_journal();
}

void Parts::join(Mux* mux) {
    for (size_t index = 0; index < journal_.parts.size(); ++index) {
        if (journal_.parts[index].frames > 0) join_part(index, mux);
    }
}

void Parts::join_part(size_t index, Mux* mux) {
    guint64 packets = 0;
    try {
        const Packet packet = make_packet();
        const InputFile part = open_input(path(index), path(index));
        const AVStream* video = main_video(part.get());
        while (video && av_read_frame(part.get(), packet.get()) >= 0) {
            mux->write_packet(video, packet.get());
            ++packets;
        }
    } catch (const Failure& failure) {
        if (failure.code() != ExitCode::kInput) throw;
    }
    if (packets == journal_.parts[index].frames) return;
    journal_.parts[index].there = false;
    write_journal();
    throw Failure(ExitCode::kFailed,
                  path(index) + " is damaged; the same command makes it again and goes on");
}

}  // namespace upscale
