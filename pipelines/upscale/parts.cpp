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
    constexpr char kForm[] = "2 ";  // of the plan: another one makes other parts
    std::string text = kForm + describe_input(source) + " " + plan.encoder->name + " " +
                       plan.pixel_format + " " + std::to_string(plan.crf) + " " + plan.raw_caps +
                       " " + output.destination().format->ending;  // which may keep a rotation
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
    if (!output.is_container() || source.is_standard_input() ||
        source.kind() == Source::Kind::kPipe) {
        throw Failure(ExitCode::kUsage,
                      "parts are for files in mp4, mov, mkv or webm, and not for pipes");
    }
    return output.destination().places.front();
}

guint64 size_of(const std::string& path) {
    struct stat status {};
    return stat(path.c_str(), &status) == 0 ? status.st_size : 0;
}

// A part's file, record or claim.
bool begins_with_part(const std::string& file) {
    return g_str_has_prefix(base_name(file).c_str(), "part-");
}

bool works_on_whole(const Options& options) { return options.only_part < 0; }

}  // namespace

Parts::Parts(const Options& options, const Source& source, const Media& media, Output* output)
    : options_(options),
      source_(source),
      media_(media),
      output_(output),
      place_(place_of(*output, source)),
      folder_(parts_folder(place_)) {
    const bool makes_plan = works_on_whole(options) && !options.join;
    if (!makes_plan && !exists(journal_in(folder_))) {
        throw Failure(ExitCode::kOutput, folder_ +
                                             " holds no plan; the same command with --plan "
                                             "makes it");
    }
    if (works_on_whole(options)) lock_.emplace(folder_);
    if (makes_plan) sync_folder(folder_of(folder_));
    read_journal();
    records_.resize(journal_.parts.size());
}

// The journal goes last: as long as it is there it tells that the result is done. Then the folder
// loses its name, so that nobody takes up what is left of it.
void Parts::remove() const {
    for (const std::string& file : files_in(folder_)) {
        if (begins_with_part(file)) g_unlink(file.c_str());
    }
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
    const bool makes_plan = works_on_whole(options_) && !options_.join;
    if (readable && !same && !(options_.overwrite && makes_plan)) {
        throw Failure(ExitCode::kOutput,
                      folder_ + " holds parts of another input or of other settings; " +
                          (makes_plan ? "--overwrite begins anew" : "give those of --plan"));
    }
    if (!readable && !makes_plan) {
        throw Failure(
            ExitCode::kOutput,
            folder_ + ": the plan is damaged; the same command with --plan makes it anew");
    }
    if (same) {
        journal_ = std::move(found);
        return;
    }
    journal_.settings = settings;
    journal_.parts = plan_parts(options_, source_, media_);
    journal_.write(journal_in(folder_));
    remove_others();
}

// Parts of other settings, and what was being written when the work was broken off.
void Parts::remove_others() const {
    for (const std::string& file : files_in(folder_)) {
        const std::string name = base_name(file);
        if (name == FolderLock::kName || file == journal_in(folder_)) continue;
        bool used = false;
        for (size_t index = 0; index < journal_.parts.size() && !used; ++index) {
            const std::optional<PartRecord> record = read_record(index);
            used = record && (file == record_path(index) || name == record->file);
        }
        if (!used) g_unlink(file.c_str());
    }
}

std::string Parts::record_path(size_t index) const {
    return joined(folder_, "part-" + std::to_string(index));
}

std::string Parts::path(const PartRecord& record) const { return joined(folder_, record.file); }

std::optional<PartRecord> Parts::read_record(size_t index) const {
    PartRecord record;
    if (!record.read(record_path(index)) || record.settings != journal_.settings) return {};
    return record;
}

bool Parts::seems_made(size_t index) const {
    const std::optional<PartRecord> record = read_record(index);
    return record && (record->frames == 0 || size_of(path(*record)) == record->bytes);
}

bool Parts::is_whole(const PartRecord& record) const {
    return record.frames == 0 ||
           (size_of(path(record)) == record.bytes && sum_of(path(record)) == record.sum);
}

// Against what its record says.
void Parts::check(size_t index, Progress* progress, Report* report) {
    records_[index] = read_record(index);
    if (!records_[index]) return;
    if (is_whole(*records_[index])) {
        for (const Loss& loss : records_[index]->losses) report->loss(loss.kind, loss.text);
        return;
    }
    progress->say(path(*records_[index]) + " is damaged or missing; it is made again");
    g_unlink(record_path(index).c_str());
    records_[index].reset();
}

guint64 Parts::frames() const {
    guint64 sum = 0;
    for (const std::optional<PartRecord>& record : records_) sum += record ? record->frames : 0;
    return sum;
}

JobResult Parts::run(Progress* progress, Report* report) {
    const bool joined_before =
        output_->destination().before == Destination::Before::kResultAndParts;
    if (joined_before) {
        progress->say(place_.name + " is done; what was left of its parts goes");
        JobResult result;
        for (const PartSpan& part : journal_.parts) result.frames += part.frames;
        return result;
    }
    for (size_t index = 0; index < records_.size(); ++index) check(index, progress, report);
    if (frames() > 0) progress->say("going on after " + std::to_string(frames()) + " frames");
    for (size_t index = 0; index < records_.size(); ++index) {
        progress->set_done_before(frames());
        if (!records_[index]) make(index, progress, report);
    }
    return join(report);
}

JobResult Parts::run_one(size_t index, Progress* progress, Report* report) {
    if (index >= journal_.parts.size()) {
        throw Failure(ExitCode::kUsage, "--only-part is " + std::to_string(index) +
                                            ": allowed are 0 to " +
                                            std::to_string(journal_.parts.size() - 1));
    }
    progress->set_total(journal_.parts[index].frames);
    check(index, progress, report);
    if (!records_[index]) make(index, progress, report);
    JobResult result;
    result.frames = records_[index]->frames;
    return result;
}

JobResult Parts::run_join(Progress* progress, Report* report) {
    std::string missing;
    const auto is_done = [] { return false; };
    const auto say = [progress](const std::string& text) { progress->say(text); };
    const auto claim = Claim::take(joined(folder_, "join"), options_.lease, is_done, say);
    for (size_t index = 0; index < records_.size(); ++index) {
        check(index, progress, report);
        if (!records_[index]) missing += (missing.empty() ? "" : ", ") + std::to_string(index);
    }
    if (!missing.empty()) {
        throw Failure(ExitCode::kFailed,
                      "parts that are missing: " + missing + "; --only-part makes each");
    }
    return join(report);
}

// Others may be making it as well: each writes a file of its own, and the last record counts.
void Parts::make(size_t index, Progress* progress, Report* report) {
    const auto is_done = [this, index] { return seems_made(index); };
    const auto say = [progress](const std::string& text) { progress->say(text); };
    const auto claim = Claim::take(record_path(index) + ".claim", options_.lease, is_done, say);
    if (!claim) {  // another has made it
        check(index, progress, report);
        if (!records_[index]) throw Failure(ExitCode::kFailed, folder_ + ": a part went away");
        return;
    }
    remove_unnamed(index);
    const PartSpan& part = journal_.parts[index];
    PartRecord record;
    record.settings = journal_.settings;
    record.file = "part-" + std::to_string(index) + "." + unique_token() + ".nut";
    const std::string unfinished = path(record) + ".part";
    const RemovedAtEnd removed(unfinished);
    JobPlan plan;
    plan.window = part.window;
    plan.lead_in = part.lead_in;
    plan.run_out = part.run_out;
    plan.raw_caps = output_->plan().raw_caps;
    plan.on_frames = [&claim](guint64 frames) { claim->set_frames(frames); };
    const std::unique_ptr<Writer> writer = output_->make_part_writer(unfinished, report);
    const JobResult result =
        run_job(options_, source_, media_, plan, writer.get(), progress, report);
    if (result.interrupted) {
        throw Failure(ExitCode::kInterrupted, "interrupted; the same command goes on");
    }
    record.frames = result.frames;
    record.losses = report->losses();
    if (record.frames > 0) {
        record.bytes = size_of(unfinished);
        record.sum = sum_of(unfinished);
        sync_file(unfinished);
        rename_durably(unfinished, path(record));
    } else {
        record.file.clear();
    }
    record.write(record_path(index));
    records_[index] = record;
    remove_unnamed(index);
}

// What others left of a part that they did not complete, or that is not the one that counts.
void Parts::remove_unnamed(size_t index) const {
    const std::string name = base_name(record_path(index));
    const std::optional<PartRecord> record = read_record(index);
    for (const std::string& file : files_in(folder_)) {
        const std::string other = base_name(file);
        if (!g_str_has_prefix(other.c_str(), (name + ".").c_str())) continue;
        if (g_str_has_prefix(other.c_str(), (name + ".claim").c_str())) continue;
        if (!record || other != record->file) g_unlink(file.c_str());
    }
}

JobResult Parts::join(Report* report) {
    JobResult result;
    result.frames = frames();
    result.input_ended = true;
    if (result.frames == 0) return result;
    report->check();
    const std::unique_ptr<Mux> whole = output_->make_joiner(report);
    for (size_t index = 0; index < records_.size(); ++index) {
        if (records_[index]->frames > 0) join_part(index, whole.get());
    }
    whole->finish(options_.window.end);
    journal_.result = identity_of(output_->unfinished_path());
    journal_.write(journal_in(folder_));
    return result;
}

void Parts::join_part(size_t index, Mux* mux) {
    const std::string file = path(*records_[index]);
    guint64 packets = 0;
    try {
        const Packet packet = make_packet();
        const InputFile part = open_input(file, file);
        const AVStream* video = main_video(part.get());
        while (video && av_read_frame(part.get(), packet.get()) >= 0) {
            mux->write_packet(video, packet.get());
            ++packets;
        }
    } catch (const Failure& failure) {
        if (failure.code() != ExitCode::kInput) throw;
    }
    if (packets == records_[index]->frames) return;
    g_unlink(record_path(index).c_str());
    throw Failure(ExitCode::kFailed,
                  file + " is damaged; the same command makes it again and goes on");
}

}  // namespace upscale
