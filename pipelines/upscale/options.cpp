// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/options.h"

#include <glib.h>

#include <algorithm>
#include <cstring>

#include "pipelines/cli/command_line.h"
#include "pipelines/cli/property.h"
#include "pipelines/upscale/arguments.h"
#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/settings.h"

namespace upscale {

namespace {

constexpr char kDescription[] =
    "Examples:\n"
    "  $ flashvsr-upscale -i clip.mp4 -o large.mp4\n"
    "  $ flashvsr-upscale -i clip.mkv -o large.mkv --scale 4 --model-dir models/FlashVSR-v1.1\n"
    "  $ flashvsr-upscale -i frames/ -o large.mp4 --fps 24\n"
    "  $ flashvsr-upscale -i photos/ -o large/ --stills         # each by itself\n"
    "  $ flashvsr-upscale -i long.mkv -o large.mkv --resume     # and again after a crash\n"
    "  $ flashvsr-upscale -i videos/ -o large/                  # each of them\n"
    "  $ flashvsr-upscale -i film.mkv -o large.mkv --plan       # then --only-part 0, 1, ..., "
    "--join\n"
    "  $ flashvsr-upscale -i clip.mp4 -o look.png --preview 3 --compare\n"
    "  $ flashvsr-upscale -i clip.mp4 -o large.mp4 --dry-run\n"
    "  $ producer | flashvsr-upscale -i - -o - | consumer       # y4m\n"
    "\n"
    "Exit codes: 0 done, 1 failed while upscaling, 2 bad option or value, 3 unreadable input,\n"
    "4 output exists or cannot be written, 5 a GStreamer element or a program is missing,\n"
    "6 some files of several failed, 7 done, but something was lost (it is said what), 130 "
    "interrupted (the output then holds what was done).\n";

// What GLib writes into. The command line owns the strings.
struct Raw {
    gchar** inputs = nullptr;
    gchar *output = nullptr, *format = nullptr, *codec = nullptr;
    std::string compare;
    gchar* deinterlace = nullptr;
    gchar *encoder = nullptr, *pixel_format = nullptr;
    gchar *start = nullptr, *end = nullptr, *convert = nullptr, *config = nullptr;
    gint crf = -1, quality = 10, preview = 0, only_part = G_MININT;
    gdouble fps = 0, part = 30, lease = 60;
    gboolean plan = FALSE, join = FALSE;
    gboolean stills = FALSE, resume = FALSE, keep_audio = FALSE, no_audio = FALSE,
             overwrite = FALSE;
    gboolean strict = FALSE, dry_run = FALSE, json = FALSE, quiet = FALSE, list_models = FALSE;
};

// Called for every option of settings.h; `data` is the Options.
gboolean keep_setting(const gchar* option, const gchar* value, gpointer data, GError**) {
    const std::string name(option + std::strspn(option, "-"));
    static_cast<Options*>(data)->settings[name] = value ? value : "";
    return TRUE;
}

gboolean keep_compare(const gchar*, const gchar* value, gpointer raw, GError**) {
    static_cast<Raw*>(raw)->compare = value ? value : "side-by-side";
    return TRUE;
}

std::vector<GOptionEntry> file_entries(Raw* raw) {
    return {
        {"input", 'i', 0, G_OPTION_ARG_FILENAME_ARRAY, &raw->inputs,
         "Video, folder of images or of videos, pattern (%04d.png), URL, or - (standard input); "
         "several -i and a folder of videos are a batch",
         "INPUT"},
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &raw->output,
         "Result; its ending names the container: mp4, mov, mkv, webm, y4m; a folder; a pattern "
         "of images (%04d.png); - (standard output)",
         "OUTPUT"},
        {"format", 0, 0, G_OPTION_ARG_STRING, &raw->format,
         "Instead of the ending; of - y4m by default, of images in a folder png", "FORMAT"},
        {"start", 0, 0, G_OPTION_ARG_STRING, &raw->start, "First time that is upscaled, 1:30.5",
         "TIME"},
        {"end", 0, 0, G_OPTION_ARG_STRING, &raw->end, "Time up to which is upscaled", "TIME"},
        {"fps", 0, 0, G_OPTION_ARG_DOUBLE, &raw->fps, "Of images (default 30); videos keep theirs",
         "FPS"},
        {"stills", 0, 0, G_OPTION_ARG_NONE, &raw->stills,
         "Pictures that do not belong together: each by itself, of any size and kind", nullptr},
        {"deinterlace", 0, 0, G_OPTION_ARG_STRING, &raw->deinterlace,
         "auto (default): frames that are flagged; off; frame: all; field: all, two frames of each",
         "HOW"},
        {"overwrite", 0, 0, G_OPTION_ARG_NONE, &raw->overwrite, "Replace an output that exists",
         nullptr},
        {"strict", 0, 0, G_OPTION_ARG_NONE, &raw->strict,
         "Fail where the result would lack something that the input holds", nullptr},
        {"resume", 0, 0, G_OPTION_ARG_NONE, &raw->resume,
         "Work in parts that a crash leaves; the same command again goes on", nullptr},
        {"part", 0, 0, G_OPTION_ARG_DOUBLE, &raw->part, "Length of a part (default 30)",
         "SECONDS"}};
}

std::vector<GOptionEntry> parts_entries(Raw* raw) {
    return {{"plan", 0, 0, G_OPTION_ARG_NONE, &raw->plan,
             "Cut the work into parts, beside the output, and print them as JSON; with --dry-run "
             "only print them, with memory and speed",
             nullptr},
            {"only-part", 0, 0, G_OPTION_ARG_INT, &raw->only_part,
             "Make part K of the plan, on any machine that shares input and output; done where it "
             "is there",
             "K"},
            {"join", 0, 0, G_OPTION_ARG_NONE, &raw->join,
             "Check all parts and make the output of them", nullptr},
            {"lease", 0, 0, G_OPTION_ARG_DOUBLE, &raw->lease,
             "After how long without a sign of life from another machine its part is taken over "
             "(default 60)",
             "SECONDS"}};
}

std::vector<GOptionEntry> coding_entries(Raw* raw) {
    return {
        {"codec", 0, 0, G_OPTION_ARG_STRING, &raw->codec,
         "Of the video: h264 (default), h265, vp9 (default in webm), av1, prores, ffv1", "CODEC"},
        {"encoder", 0, 0, G_OPTION_ARG_STRING, &raw->encoder,
         "auto (default: the best picture, which is software's), software, hardware (nvenc, qsv, "
         "vaapi, v4l2m2m, else software), or one of libavcodec's names: h264_nvenc",
         "ENCODER"},
        {"pixel-format", 0, 0, G_OPTION_ARG_STRING, &raw->pixel_format,
         "auto (default: 4:2:0 of the input's depth), yuv420p, yuv420p10, yuv422p10, yuv444p, ...",
         "FORMAT"},
        {"quality", 0, 0, G_OPTION_ARG_INT, &raw->quality,
         "Of the video, 0 to 10 (default 10), as in infer.py: crf 26 to 20", "N"},
        {"crf", 0, 0, G_OPTION_ARG_INT, &raw->crf,
         "Constant rate factor of the encoder, 0 (best) to 50; before --quality", "N"},
        {"keep-audio", 0, 0, G_OPTION_ARG_NONE, &raw->keep_audio,
         "Copy every audio track (done anyway)", nullptr},
        {"no-audio", 0, 0, G_OPTION_ARG_NONE, &raw->no_audio, "Leave the sound out", nullptr}};
}

std::vector<GOptionEntry> looking_entries(Raw* raw) {
    return {
        {"compare", 0, G_OPTION_FLAG_OPTIONAL_ARG, G_OPTION_ARG_CALLBACK,
         reinterpret_cast<gpointer>(keep_compare),
         "Input, bicubic and result in one picture: side-by-side (default) or split", "LAYOUT"},
        {"preview", 0, 0, G_OPTION_ARG_INT, &raw->preview,
         "Only N frames, evenly spread, as PNG pictures", "N"},
        {"dry-run", 0, 0, G_OPTION_ARG_NONE, &raw->dry_run,
         "Say what would be done, and after a trial of two chunks how long it takes and how much "
         "memory",
         nullptr},
        {"list-models", 0, 0, G_OPTION_ARG_NONE, &raw->list_models, "Models that are found",
         nullptr},
        {"convert", 0, 0, G_OPTION_ARG_FILENAME, &raw->convert,
         "Repack the files of a model into bf16 safetensors in the folder that -o names; with "
         "--dtype fp32 or fp16 into those",
         "FOLDER"}};
}

std::vector<GOptionEntry> reporting_entries(Raw* raw) {
    return {{"json", 0, 0, G_OPTION_ARG_NONE, &raw->json,
             "Progress as one JSON object a line on the standard output", nullptr},
            {"quiet", 'q', 0, G_OPTION_ARG_NONE, &raw->quiet, "Say nothing but what goes wrong",
             nullptr},
            // Read by expand_arguments(); here for the help.
            {"config", 0, 0, G_OPTION_ARG_FILENAME, &raw->config,
             "Options from a file, one a line: scale = 4", "FILE"}};
}

std::vector<GOptionEntry> settings_entries() {
    std::vector<GOptionEntry> entries;
    for (const Setting& setting : settings()) {
        entries.push_back(pipelines::property_option(setting.property, setting.option,
                                                     setting.initial, keep_setting));
        if (setting.value_optional) entries.back().flags |= G_OPTION_FLAG_OPTIONAL_ARG;
    }
    return entries;
}

template <typename Number>
void check_number(const char* option, Number value, Number low, Number high) {
    if (value >= low && value <= high) return;
    gchar text[128];
    g_snprintf(text, sizeof text, "%s is %.10g: allowed are %.10g to %.10g", option,
               static_cast<double>(value), static_cast<double>(low), static_cast<double>(high));
    throw Failure(ExitCode::kUsage, text);
}

std::string text_or_empty(const gchar* text) { return text ? text : ""; }

void check_combinations(const Options& options) {
    const auto refuse = [](bool wrong, const char* why) {
        if (wrong) throw Failure(ExitCode::kUsage, why);
    };
    refuse(options.inputs.empty(), "no input: name it with -i");
    refuse(options.output.empty(), "no output: name it with -o");
    const bool one = options.only_part >= 0;
    refuse(options.plan + one + options.join > 1,
           "--plan, --only-part and --join are steps of their own");
    const bool in_parts = options.plan || one || options.join;
    refuse(in_parts && options.stills, "--stills are no parts; give each machine some of them");
    refuse((one || options.join) && options.dry_run, "--dry-run goes with --plan");
    refuse(options.window.end <= options.window.start, "--end has to come after --start");
    refuse(options.preview && options.resume, "--preview and work in parts do not go together");
    refuse(!options.compare.empty() && options.resume,
           "--compare and work in parts do not go together");
    refuse(
        !options.compare.empty() && options.compare != "side-by-side" && options.compare != "split",
        "--compare takes side-by-side or split");
    const bool cut = options.window.start > 0 || GST_CLOCK_TIME_IS_VALID(options.window.end);
    refuse(options.stills && (cut || options.fps > 0 || options.preview),
           "--stills and --start, --end, --fps or --preview do not go together");
    refuse(options.stills && !options.format.empty() && options.format != "png",
           "--stills makes PNG");
    const std::string& deinterlace = options.deinterlace;
    refuse(deinterlace != "auto" && deinterlace != "off" && deinterlace != "frame" &&
               deinterlace != "field",
           "--deinterlace takes auto, off, frame or field");
}

// Checks what GLib does not, and moves it over.
void take(const Raw& raw, Options* options) {
    for (gchar** input = raw.inputs; input && *input; ++input) options->inputs.emplace_back(*input);
    if (raw.crf != -1) check_number("--crf", raw.crf, 0, 50);
    check_number("--quality", raw.quality, 0, 10);
    check_number("--preview", raw.preview, 0, 100);
    check_number("--part", raw.part, 1.0, 86400.0);
    check_number("--lease", raw.lease, 1.0, 3600.0);
    if (raw.only_part != G_MININT) check_number("--only-part", raw.only_part, 0, 999'999);
    if (raw.fps != 0) check_number("--fps", raw.fps, 0.1, 1000.0);
    options->output = text_or_empty(raw.output);
    options->format = text_or_empty(raw.format);
    options->codec = text_or_empty(raw.codec);
    if (raw.deinterlace) options->deinterlace = raw.deinterlace;
    if (raw.encoder) options->encoder = raw.encoder;
    if (raw.pixel_format) options->pixel_format = raw.pixel_format;
    options->compare = raw.compare;
    options->convert = text_or_empty(raw.convert);
    if (raw.start) options->window.start = parse_time("--start", raw.start);
    if (raw.end) options->window.end = parse_time("--end", raw.end);
    options->crf = raw.crf;
    options->quality = raw.quality;
    options->stills = raw.stills;
    options->fps = raw.fps;
    options->preview = raw.preview;
    options->part = raw.part;
    options->plan = raw.plan;
    options->only_part = std::max(raw.only_part, -1);
    options->join = raw.join;
    options->lease = raw.lease;
    options->resume = raw.resume || raw.plan || raw.join || options->only_part >= 0;
    options->audio = !raw.no_audio;
    options->overwrite = raw.overwrite;
    options->strict = raw.strict;
    options->dry_run = raw.dry_run;
    options->json = raw.json;
    options->quiet = raw.quiet;
    options->list_models = raw.list_models;
    if (options->list_models) return;
    if (options->convert.empty()) check_combinations(*options);
}

}  // namespace

Options parse_options(int argc, char** argv) {
    Options options;
    Raw raw;
    pipelines::CommandLine line("- upscale videos with FlashVSR", kDescription);
    line.add_group("Input and output:", file_entries(&raw));
    line.add_group("On several machines:", parts_entries(&raw));
    line.add_group("Model and picture:", settings_entries(), &options);
    line.add_group("Video and sound:", coding_entries(&raw));
    line.add_group("Looking before:", looking_entries(&raw), &raw);
    line.add_group("Reporting:", reporting_entries(&raw));
    std::vector<std::string> words = expand_arguments(argc, argv);
    std::vector<char*> arguments = {argv[0]};
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const std::vector<std::string> left =
        line.parse(static_cast<int>(arguments.size()) - 1, arguments.data());
    if (!left.empty()) {
        throw Failure(ExitCode::kUsage,
                      "what is '" + left.front() + "'? Files are named with -i and -o");
    }
    take(raw, &options);
    return options;
}

}  // namespace upscale
