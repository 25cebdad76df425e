#include "pipelines/upscale/parts.h"

#include <glib/gstdio.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "pipelines/upscale/format.h"
#include "pipelines/upscale/paths.h"

namespace upscale {

namespace {

/// Past the start-up chunk, and several times as far as attention looks back.
constexpr GstClockTime kLeadIn = 2 * GST_SECOND;

constexpr char kJob[] = "job";
constexpr char kParts[] = "parts";

struct FreeKeyFile {
    void operator()(GKeyFile* file) const { g_key_file_unref(file); }
};
using KeyFile = std::unique_ptr<GKeyFile, FreeKeyFile>;

std::string describe_input(const Source& source) {
    struct stat status {};
    stat(source.path().c_str(), &status);
    return source.name() + " " + std::to_string(status.st_size) + " " +
           std::to_string(status.st_mtime) + " " + std::to_string(source.images().size());
}

std::string describe_settings(const Options& options, const Source& source, const Output& output) {
    std::string text = describe_input(source) + " " + output.codec();
    for (const auto& [name, value] : options.settings) text.append(" " + name + "=").append(value);
    for (const double number :
         {options.crf * 1.0, options.quality * 1.0, options.fps, options.part,
          static_cast<double>(options.window.start), static_cast<double>(options.window.end)}) {
        text += " " + std::to_string(number);
    }
    gchar* sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text.c_str(), -1);
    std::string result(sum);
    g_free(sum);
    return result;
}

}  // namespace

Parts::Parts(const Options& options, const Source& source, const Media& media, const Output& output)
    : options_(options),
      source_(source),
      media_(media),
      output_(output),
      folder_(output.parts_folder()),
      settings_(describe_settings(options, source, output)) {
    if (!output.is_container() || source.kind() == Source::Kind::kPipe) {
        throw Failure(ExitCode::kUsage, "--resume is for files in mp4, mov, mkv or webm");
    }
    if (options.overwrite) remove_folder(folder_);
    if (g_mkdir_with_parents(folder_.c_str(), 0777) != 0) {
        throw Failure(ExitCode::kOutput, folder_ + ": " + g_strerror(errno));
    }
    read_journal();
}

void Parts::remove() const { remove_folder(folder_); }

void Parts::read_journal() {
    const KeyFile file(g_key_file_new());
    const std::string journal = joined(folder_, "journal");
    if (!g_key_file_load_from_file(file.get(), journal.c_str(), G_KEY_FILE_NONE, nullptr)) return;
    gchar* settings = g_key_file_get_string(file.get(), kJob, "settings", nullptr);
    const bool same = settings && settings_ == settings;
    g_free(settings);
    if (!same) {
        throw Failure(ExitCode::kOutput, folder_ +
                                             " holds parts of another input or of other settings; "
                                             "--overwrite begins anew");
    }
    origin_ = g_key_file_get_uint64(file.get(), kJob, "origin", nullptr);
    const guint64 last = g_key_file_get_uint64(file.get(), kJob, "last", nullptr);
    for (size_t index = 0;; ++index) {
        const std::string key = std::to_string(index);
        if (!g_key_file_has_key(file.get(), kParts, key.c_str(), nullptr)) break;
        done_.push_back(
            {g_key_file_get_uint64(file.get(), kParts, key.c_str(), nullptr), last == index + 1});
    }
}

/// Replaced as a whole, so that it never names a part that is not there.
void Parts::write_journal() const {
    const KeyFile file(g_key_file_new());
    g_key_file_set_string(file.get(), kJob, "settings", settings_.c_str());
    g_key_file_set_uint64(file.get(), kJob, "origin", origin_);
    g_key_file_set_uint64(file.get(), kJob, "last", complete() ? done_.size() : 0);
    for (size_t index = 0; index < done_.size(); ++index) {
        g_key_file_set_uint64(file.get(), kParts, std::to_string(index).c_str(),
                              done_[index].frames);
    }
    GError* error = nullptr;
    if (!g_key_file_save_to_file(file.get(), joined(folder_, "journal").c_str(), &error)) {
        const std::string why = error->message;
        g_error_free(error);
        throw Failure(ExitCode::kFailed, why);
    }
}

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
    for (const Part& part : done_) sum += part.frames;
    return sum;
}

JobResult Parts::run(Progress* progress, Report* report) {
    if (!done_.empty()) {
        progress->say("going on after " + std::to_string(frames()) + " frames");
    }
    while (!complete()) {
        progress->set_done_before(frames());
        make_part(progress, report);
    }
    if (frames() == 0) return {};
    const std::unique_ptr<Mux> whole = output_.make_joiner(report);
    whole->set_origin(origin_);
    join(whole.get());
    whole->finish(options_.window.end);
    return {false, true, frames(), origin_};
}

void Parts::make_part(Progress* progress, Report* report) {
    const size_t index = done_.size();
    const std::string unfinished = path(index) + ".part";
    JobPlan plan;
    plan.window = window(index);
    plan.lead_in = index == 0 ? 0 : kLeadIn;
    plan.encoder = encoder_line(options_, output_.codec());
    const std::unique_ptr<Writer> writer = output_.make_part_writer(unfinished, report);
    JobResult result;
    try {
        result = Job(options_, source_, media_, plan, writer.get()).run(progress, report);
    } catch (const Failure&) {
        g_unlink(unfinished.c_str());
        throw;
    }
    if (result.interrupted) {
        g_unlink(unfinished.c_str());
        throw Failure(ExitCode::kInterrupted, "interrupted; the same command goes on");
    }
    if (result.frames > 0 && g_rename(unfinished.c_str(), path(index).c_str()) != 0) {
        throw Failure(ExitCode::kFailed, path(index) + ": " + g_strerror(errno));
    }
    if (index == 0) origin_ = result.origin;
    done_.push_back({result.frames, result.input_ended || plan.window.end == options_.window.end});
    write_journal();
}

void Parts::join(Mux* mux) const {
    const Packet packet(av_packet_alloc());
    for (size_t index = 0; index < done_.size(); ++index) {
        if (done_[index].frames == 0) continue;
        const InputFile part = open_input(path(index), path(index));
        const AVStream* video = main_video(part.get());
        if (!video) throw Failure(ExitCode::kFailed, path(index) + " is damaged; remove it");
        while (av_read_frame(part.get(), packet.get()) >= 0) mux->write_packet(video, packet.get());
    }
}

}  // namespace upscale
