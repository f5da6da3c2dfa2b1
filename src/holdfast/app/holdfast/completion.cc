#include "holdfast/app/holdfast/commands.h"

namespace holdfast::cli {

std::string BashCompletion() {
  // Words come from the programs themselves: commands from --help, collections and names from the
  // server, so that nothing here goes out of date.
  return R"bash(_holdfast() {
  local current=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "get list create update apply delete watch transact explain tree refs schema fsck completion" -- "$current"))
    return
  fi
  case $current in
    -*)
      COMPREPLY=($(compgen -W "$(holdfast "$command" --help 2>/dev/null | grep -o -- '--[a-z-]*' | sort -u)" -- "$current"))
      return ;;
  esac
  case $command in
    list|watch)
      COMPREPLY=($(compgen -W "$(holdfast schema kinds 2>/dev/null | awk '{print $2}')" -- "$current")) ;;
    get|delete|tree|refs|update|explain)
      if [ "$command" = explain ] && [ "$COMP_CWORD" -eq 2 ]; then
        COMPREPLY=($(compgen -W "delete" -- "$current"))
      elif [[ $current == */* ]]; then
        COMPREPLY=($(compgen -W "$(holdfast list "${current%/*}" -o name --limit 200 2>/dev/null)" -- "$current"))
      fi ;;
    schema)
      COMPREPLY=($(compgen -W "check kinds export" -- "$current")) ;;
    completion)
      COMPREPLY=($(compgen -W "bash" -- "$current")) ;;
  esac
}
complete -o default -F _holdfast holdfast
)bash";
}

}  // namespace holdfast::cli
