# Completion of flashvsr-upscale for bash. Options are those of --help, as are the values of the element's, where they are few.
_flashvsr_upscale() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} values
    # "--mode=full" is three words to bash.
    if [[ $word = '=' ]]; then
        word=
    elif [[ $before = '=' ]]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    case $before in
        --vae-type) values='tcd taew2.1 lighttaew2.1 tae-w2.2 tae-hv wan2.1 light wan2.2' ;;
        --device) values='auto cpu cuda cuda:0 cuda:1' ;;
        --format) values='mp4 mov mkv webm y4m png' ;;
        --codec) values='h264 h265 vp9 av1 prores ffv1' ;;
        --encoder) values='auto software hardware nvenc qsv vaapi v4l2m2m' ;;
        --pixel-format) values='auto yuv420p yuv420p10 yuv422p yuv422p10 yuv444p yuv444p10' ;;
        --deinterlace) values='auto off frame field' ;;
        --compare) values='side-by-side split' ;;
        -i | --input | -o | --output | --config | --vae-path | --vae-adapter)
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            compopt -o filenames 2>/dev/null
            return
            ;;
        --model-dir | --convert)
            mapfile -t COMPREPLY < <(compgen -d -- "$word")
            compopt -o filenames 2>/dev/null
            return
            ;;
        --[a-z]*) values=$("$1" --help 2>/dev/null |
            sed -nE "s/^ *$before=.*\((.*, .*); default .*\)$/\1/p" | tr -d ,) ;;
    esac
    if [[ -z $values ]]; then
        values=$("$1" --help 2>/dev/null | grep -oE '^ +(-[a-z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+')
    fi
    mapfile -t COMPREPLY < <(compgen -W "$values" -- "$word")
}
complete -F _flashvsr_upscale flashvsr-upscale
