#include "pipelines/upscale/options.h"

#include <glib.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/settings.h"

namespace upscale {

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

/// Levenshtein's distance.
size_t distance(const std::string& a, const std::string& b) {
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
        }
    }
    return row.back();
}

std::string nearest(const std::string& name, const std::vector<std::string>& names) {
    return *std::min_element(names.begin(), names.end(), [&](const auto& a, const auto& b) {
        return distance(name, a) < distance(name, b);
    });
}

/// Throws on the first word that looks like a long option and is none.
void refuse_unknown(int argc, char** argv, const std::vector<std::string>& names) {
    for (int i = 1; i < argc && std::strcmp(argv[i], "--") != 0; ++i) {
        if (std::strncmp(argv[i], "--", 2) != 0) continue;
        const std::string word(argv[i] + 2);
        const std::string name = word.substr(0, word.find('='));
        if (std::find(names.begin(), names.end(), name) != names.end()) continue;
        for (const char* missing : kNotYet) {
            if (name == missing) {
                throw Failure(ExitCode::kUsage, "--" + name + " is not in this version");
            }
        }
        const std::string guess = nearest(name, names);
        const bool close = distance(name, guess) <= std::max<size_t>(2, name.size() / 3);
        throw Failure(ExitCode::kUsage,
                      "unknown option --" + name +
                          (close ? ", did you mean --" + guess + "?" : ", see --help"));
    }
}

/// Called for every option of settings.h; `data` is the Options.
gboolean keep_setting(const gchar* option, const gchar* value, gpointer data, GError**) {
    const std::string name(option + std::strspn(option, "-"));
    static_cast<Options*>(data)->settings[name] = value ? value : "";
    return TRUE;
}

void check_range(const char* option, int value, int low, int high) {
    if (value < low || value > high) {
        throw Failure(ExitCode::kUsage, std::string(option) + " is " + std::to_string(value) +
                                            ": allowed are " + std::to_string(low) + " to " +
                                            std::to_string(high));
    }
}

std::vector<GOptionEntry> settings_entries() {
    std::vector<GOptionEntry> entries;
    for (const Setting& setting : settings()) {
        // GLib's way of keeping a callback beside plain values.
        entries.push_back({setting.option, 0, setting.optional ? G_OPTION_FLAG_OPTIONAL_ARG : 0,
                           G_OPTION_ARG_CALLBACK, reinterpret_cast<gpointer>(keep_setting),
                           setting.help, setting.values});
    }
    entries.push_back({});
    return entries;
}

void add_group(GOptionContext* context, const char* name, const char* title,
               const std::vector<GOptionEntry>& entries, Options* options) {
    GOptionGroup* group = g_option_group_new(name, title, title, options, nullptr);
    g_option_group_add_entries(group, entries.data());
    g_option_context_add_group(context, group);
}

void print_help_and_exit(GOptionContext* context) {
    gchar* help = g_option_context_get_help(context, FALSE, nullptr);
    g_print("%s", help);
    g_free(help);
    g_option_context_free(context);
    std::exit(static_cast<int>(ExitCode::kDone));
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
    gboolean help = FALSE;
    const std::vector<GOptionEntry> files = {
        {"input", 'i', 0, G_OPTION_ARG_FILENAME, &raw.input, "Video to upscale", "FILE"},
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &raw.output,
         "Result; its ending names the container: mp4, mov, mkv, webm, y4m", "FILE"},
        {"overwrite", 0, 0, G_OPTION_ARG_NONE, &raw.overwrite, "Replace an output that exists",
         nullptr},
        {}};
    const std::vector<GOptionEntry> coding = {
        {"codec", 0, 0, G_OPTION_ARG_STRING, &raw.codec,
         "Of the video: h264 (default), h265, vp9 (default in webm)", "CODEC"},
        {"quality", 0, 0, G_OPTION_ARG_INT, &raw.quality,
         "Of the video, 0 to 10 (default 10), as in infer.py: crf 26 to 20", "N"},
        {"crf", 0, 0, G_OPTION_ARG_INT, &raw.crf,
         "Constant rate factor of the encoder, 0 (best) to 50; before --quality", "N"},
        {"keep-audio", 0, 0, G_OPTION_ARG_NONE, &raw.keep_audio,
         "Copy every audio track (done anyway)", nullptr},
        {"no-audio", 0, 0, G_OPTION_ARG_NONE, &raw.no_audio, "Leave the sound out", nullptr},
        {}};
    const std::vector<GOptionEntry> reporting = {
        {"dry-run", 0, 0, G_OPTION_ARG_NONE, &raw.dry_run, "Say what would be done, write nothing",
         nullptr},
        {"json", 0, 0, G_OPTION_ARG_NONE, &raw.json,
         "Progress as one JSON object a line on the standard output", nullptr},
        {"quiet", 'q', 0, G_OPTION_ARG_NONE, &raw.quiet, "Say nothing but what goes wrong",
         nullptr},
        {"help", 'h', 0, G_OPTION_ARG_NONE, &help, "This text", nullptr},
        {}};
    const std::vector<GOptionEntry> model = settings_entries();

    std::vector<std::string> names;
    for (const auto* entries : {&files, &coding, &reporting, &model}) {
        for (const GOptionEntry& entry : *entries) {
            if (entry.long_name) names.emplace_back(entry.long_name);
        }
    }
    refuse_unknown(argc, argv, names);

    GOptionContext* context = g_option_context_new("- upscale a video with FlashVSR");
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_set_description(context, kDescription);
    add_group(context, "files", "Files:", files, &options);
    add_group(context, "model", "Model and picture:", model, &options);
    add_group(context, "coding", "Video and sound:", coding, &options);
    add_group(context, "reporting", "Reporting:", reporting, &options);
    GError* error = nullptr;
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        const std::string message = error->message;
        g_error_free(error);
        g_option_context_free(context);
        throw Failure(ExitCode::kUsage, message);
    }
    if (help) print_help_and_exit(context);
    g_option_context_free(context);
    if (argc > 1) {
        throw Failure(ExitCode::kUsage,
                      std::string("what is '") + argv[1] + "'? Files are named with -i and -o");
    }
    take(raw, &options);
    return options;
}

}  // namespace upscale
