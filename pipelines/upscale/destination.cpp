// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/destination.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <set>
#include <utility>

#include "pipelines/upscale/durable.h"
#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/journal.h"
#include "pipelines/upscale/names.h"

namespace upscale {

namespace {

using FileId = std::pair<dev_t, ino_t>;

// What a video is taken to have at most whose pictures get numbers: that many must have names.
constexpr size_t kMaxFrames = 999'999;

// A result of which nothing is known but its name, and whose input.
struct Named {
    Task* task;
    ResultNames names;
};

std::vector<Named> name_all(const Options& options, bool many, std::vector<Task>* tasks) {
    std::vector<Named> all;
    for (Task& task : *tasks) {
        if (!task.source) continue;
        Destination& destination = task.destination;
        destination.format = &choose_format(options, *task.source);
        destination.codec = choose_codec(options, *destination.format);
        all.push_back({&task, name_results(options, *task.source, *destination.format, many)});
        destination.name = all.back().names.shown;
    }
    return all;
}

// clip.avi and clip.mov become clip.avi.mp4 and clip.mov.mp4.
void tell_apart(std::vector<Named>* all) {
    struct Uses {
        size_t count = 0;
        std::set<std::string> qualified;
    };
    std::map<std::string, Uses> names;
    for (const Named& named : *all) {
        for (const ResultName& result : named.names.results) {
            ++names[result.plain].count;
            names[result.plain].qualified.insert(result.qualified);
        }
    }
    for (Named& named : *all) {
        for (ResultName& result : named.names.results) {
            const Uses& uses = names[result.plain];
            if (uses.count == 1 || uses.qualified.size() < uses.count) continue;
            if (named.names.numbered) named.names.numbered->set_before(result.qualified);
            if (named.task->destination.name == result.plain) {
                named.task->destination.name = result.qualified;
            }
            result.plain = result.qualified;
        }
    }
}

void look_at_places(bool new_folder, bool json, const Named& named) {
    Destination& destination = named.task->destination;
    const ResultNames& names = named.names;
    destination.numbered = names.numbered;
    if (names.numbered) {
        find_place(names.numbered->at(kMaxFrames), new_folder);
        for (const std::string& name : names.numbered->existing()) {
            destination.places.push_back(find_place(name, new_folder));
        }
    } else {
        for (const ResultName& result : names.results) {
            destination.places.push_back(find_place(result.plain, new_folder));
        }
    }
    for (const Place& place : destination.places) {
        if (place.stream && (names.numbered || destination.places.size() > 1)) {
            throw Failure(ExitCode::kOutput, place.name + " is not a plain file");
        }
        if (json && place.descriptor == STDOUT_FILENO) {
            throw Failure(ExitCode::kUsage, "--json and " + place.name + " are the same stream");
        }
    }
}

std::map<FileId, std::string> identify_inputs(const std::vector<Task>& tasks) {
    std::map<FileId, std::string> inputs;
    struct stat status {};
    for (const Task& task : tasks) {
        if (!task.source) continue;
        const Source& source = *task.source;
        if (source.is_standard_input()) {
            if (fstat(STDIN_FILENO, &status) == 0 && S_ISREG(status.st_mode)) {
                inputs[{status.st_dev, status.st_ino}] = source.name();
            }
            continue;
        }
        std::vector<std::string> files = source.images();
        if (files.empty()) files = {source.path()};
        for (const std::string& file : files) {
            if (stat(file.c_str(), &status) == 0) inputs[{status.st_dev, status.st_ino}] = file;
        }
    }
    return inputs;
}

void refuse_inputs(const std::vector<Task>& tasks) {
    const std::map<FileId, std::string> inputs = identify_inputs(tasks);
    for (const Task& task : tasks) {
        for (const Place& place : task.destination.places) {
            const auto found = inputs.find({place.device, place.inode});
            if (found == inputs.end()) continue;
            const std::string& input = found->second;
            throw Failure(ExitCode::kOutput,
                          place.name + " is the input" +
                              (input == place.name ? "" : " " + input + " under another name") +
                              "; name another file with -o");
        }
    }
}

// What two results would have in common.
std::string key_of(const ResultName& result, const Place* place) {
    if (!place) return result.plain;
    if (!place->exists) return place->path;
    return std::to_string(place->device) + ":" + std::to_string(place->inode);
}

void refuse_equal_names(const std::vector<Named>& all) {
    std::map<std::string, std::string> inputs;
    for (const Named& named : all) {
        const std::vector<Place>& places = named.task->destination.places;
        for (size_t i = 0; i < named.names.results.size(); ++i) {
            const ResultName& result = named.names.results[i];
            const Place* place = named.names.numbered ? nullptr : &places[i];
            const auto [other, fresh] = inputs.emplace(key_of(result, place), result.input);
            if (fresh) continue;
            throw Failure(ExitCode::kOutput, "the results of " + other->second + " and " +
                                                 result.input + " would both be " + result.plain +
                                                 "; give them folders of their own");
        }
    }
}

// With --resume what a run before this one completed is left as it is.
void refuse_existing(const Options& options, bool many, std::vector<Task>* tasks) {
    if (options.overwrite || options.only_part >= 0) return;  // a part replaces nothing
    std::string first;
    size_t count = 0;
    for (Task& task : *tasks) {
        Destination& destination = task.destination;
        for (const Place& place : destination.places) {
            if (!place.exists) continue;
            if (options.resume && is_joined_result(place)) {
                destination.before = Destination::Before::kResultAndParts;
            } else if (options.resume && many) {
                destination.before = Destination::Before::kResult;
            } else if (count++ == 0) {
                first = place.name;
            }
        }
    }
    if (count == 0) return;
    throw Failure(ExitCode::kOutput,
                  first + (count == 1 ? " exists; --overwrite replaces it"
                                      : " and " + std::to_string(count - 1) +
                                            " more exist; --overwrite replaces them"));
}

void make_folders(const std::vector<Task>& tasks) {
    std::set<std::string> folders;
    for (const Task& task : tasks) {
        for (const Place& place : task.destination.places) {
            if (!place.stream) folders.insert(folder_of(place.path));
        }
        if (task.destination.numbered) folders.insert(folder_of(task.destination.numbered->at(1)));
    }
    for (const std::string& folder : folders) {
        if (g_mkdir_with_parents(folder.c_str(), 0777) != 0) {
            throw Failure(ExitCode::kOutput, folder + ": " + g_strerror(errno));
        }
        sync_folder(folder_of(folder));
    }
}

}  // namespace

Place Destination::first_place() const {
    return numbered ? find_place(numbered->at(1), false) : places.at(0);
}

bool Destination::is_pictures() const { return format->holds_pictures(); }

void decide_destinations(const Options& options, bool many, std::vector<Task>* tasks) {
    const bool new_folder = names_folder(options.output);
    std::vector<Named> all = name_all(options, many, tasks);
    tell_apart(&all);
    for (const Named& named : all) look_at_places(new_folder, options.json, named);
    refuse_inputs(*tasks);
    refuse_equal_names(all);
    refuse_existing(options, many, tasks);
    if (new_folder && !options.dry_run) make_folders(*tasks);
}

bool keeps_rotation(const Options& options, const Destination& destination) {
    const std::string ending = destination.format->ending;
    return (ending == "mp4" || ending == "mov") && options.compare.empty();
}

}  // namespace upscale
