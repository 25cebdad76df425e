#include "pipelines/upscale/options.h"

#include <glib.h>

#include <cstring>
#include <vector>

#include "pipelines/common/command_line.h"
#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/settings.h"

namespace upscale {

using pipelines::check_range;
using pipelines::CommandLine;

namespace {

constexpr char kDescription[] =
    "Examples:\n"
    "  flashvsr-upscale -i clip.mp4 -o large.mp4\n"
    "  flashvsr-upscale -i clip.mkv -o large.mkv --scale 4 --model-dir models/FlashVSR-v1.1\n"
    "  flashvsr-upscale -i clip.mov -o large.webm --crf 24 --overwrite\n"
    "  flashvsr-upscale -i clip.mp4 -o large.mp4 --dry-run\n"
    "\n"
    "Exit codes: 0 done, 1 failed while upscaling, 2 bad option or value, 3 unreadable input,\n"
    "4 output exists or cannot be written, 5 a GStreamer element is missing, 130 interrupted\n"
    "(the output then holds what was done).\n";

/// infer.py's options that this version lacks, so that nobody is sent to another by its name.
constexpr const char* kNotYet[] = {"tile-dit", "tile-vae", "tile-size", "overlap", "fps"};

/// What GLib writes into; it owns the strings until the program ends.
struct Raw {
    gchar* input = nullptr;
    gchar* output = nullptr;
    gchar* codec = nullptr;
    gint crf = -1;
    gint quality = 10;
    gboolean keep_audio = FALSE, no_audio = FALSE;
    gboolean overwrite = FALSE, dry_run = FALSE, json = FALSE, quiet = FALSE;
};

/// Throws on the first option that infer.py has and this version lacks.
void refuse_missing(int argc, char** argv) {
    for (int i = 1; i < argc && std::strcmp(argv[i], "--") != 0; ++i) {
        const std::string word(argv[i]);
        for (const char* missing : kNotYet) {
            if (word.substr(0, word.find('=')) == std::string("--") + missing) {
                throw Failure(ExitCode::kUsage,
                              std::string("--") + missing + " is not in this version");
            }
        }
    }
}

/// Called for every option of settings.h; `data` is the Options.
gboolean keep_setting(const gchar* option, const gchar* value, gpointer data, GError**) {
    const std::string name(option + std::strspn(option, "-"));
    static_cast<Options*>(data)->settings[name] = value ? value : "";
    return TRUE;
}

std::vector<GOptionEntry> settings_entries() {
    std::vector<GOptionEntry> entries;
    for (const Setting& setting : settings()) {
        // GLib's way of keeping a callback beside plain values.
        entries.push_back({setting.option, 0, setting.optional ? G_OPTION_FLAG_OPTIONAL_ARG : 0,
                           G_OPTION_ARG_CALLBACK, reinterpret_cast<gpointer>(keep_setting),
                           setting.help, setting.values});
    }
    return entries;
}

/// Checks what GLib does not, and moves it over.
void take(const Raw& raw, Options* options) {
    if (!raw.input) throw Failure(ExitCode::kUsage, "no input: name it with -i FILE");
    if (!raw.output) throw Failure(ExitCode::kUsage, "no output: name it with -o FILE");
    if (raw.crf != -1) check_range("--crf", raw.crf, 0, 50);
    check_range("--quality", raw.quality, 0, 10);
    options->input = raw.input;
    options->output = raw.output;
    options->codec = raw.codec ? raw.codec : "";
    options->crf = raw.crf;
    options->quality = raw.quality;
    options->audio = !raw.no_audio;
    options->overwrite = raw.overwrite;
    options->dry_run = raw.dry_run;
    options->json = raw.json;
    options->quiet = raw.quiet;
}

}  // namespace

Options parse_options(int argc, char** argv) {
    static Raw raw;
    Options options;
    const std::vector<GOptionEntry> files = {
        {"input", 'i', 0, G_OPTION_ARG_FILENAME, &raw.input, "Video to upscale", "FILE"},
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &raw.output,
         "Result; its ending names the container: mp4, mov, mkv, webm, y4m", "FILE"},
        {"overwrite", 0, 0, G_OPTION_ARG_NONE, &raw.overwrite, "Replace an output that exists",
         nullptr}};
    const std::vector<GOptionEntry> coding = {
        {"codec", 0, 0, G_OPTION_ARG_STRING, &raw.codec,
         "Of the video: h264 (default), h265, vp9 (default in webm)", "CODEC"},
        {"quality", 0, 0, G_OPTION_ARG_INT, &raw.quality,
         "Of the video, 0 to 10 (default 10), as in infer.py: crf 26 to 20", "N"},
        {"crf", 0, 0, G_OPTION_ARG_INT, &raw.crf,
         "Constant rate factor of the encoder, 0 (best) to 50; before --quality", "N"},
        {"keep-audio", 0, 0, G_OPTION_ARG_NONE, &raw.keep_audio,
         "Copy every audio track (done anyway)", nullptr},
        {"no-audio", 0, 0, G_OPTION_ARG_NONE, &raw.no_audio, "Leave the sound out", nullptr}};
    const std::vector<GOptionEntry> reporting = {
        {"dry-run", 0, 0, G_OPTION_ARG_NONE, &raw.dry_run, "Say what would be done, write nothing",
         nullptr},
        {"json", 0, 0, G_OPTION_ARG_NONE, &raw.json,
         "Progress as one JSON object a line on the standard output", nullptr},
        {"quiet", 'q', 0, G_OPTION_ARG_NONE, &raw.quiet, "Say nothing but what goes wrong",
         nullptr}};
    refuse_missing(argc, argv);
    CommandLine line("- upscale a video with FlashVSR", kDescription);
    line.add_group("Files:", files);
    line.add_group("Model and picture:", settings_entries(), &options);
    line.add_group("Video and sound:", coding);
    line.add_group("Reporting:", reporting);
    const std::vector<std::string> words = line.parse(argc, argv);
    if (!words.empty()) {
        throw Failure(ExitCode::kUsage,
                      "what is '" + words[0] + "'? Files are named with -i and -o");
    }
    take(raw, &options);
    return options;
}

}  // namespace upscale
