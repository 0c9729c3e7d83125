import type { Model } from "@browserllm/react";
import { type JSX, useState } from "react";
import { formatBytes, formatCount } from "../format.ts";
import { useLanguageCode, useStrings } from "../strings/index.ts";
import { Button, Chip, IconButton, Select } from "../ui/index.ts";
import { CloseIcon, SearchIcon, SlidersIcon } from "../ui/icons.tsx";
import { countFilters, type Filters, licensesOf, SIZES, SORTS } from "./filters.ts";

interface ToolbarProps {
  readonly models: readonly Model[];
  readonly filters: Filters;
  readonly onChange: (filters: Filters) => void;
}

/** Search, filters and the order of the list. */
export function Toolbar({ models, filters, onChange }: ToolbarProps): JSX.Element {
  const strings = useStrings();
  const words = strings.models;
  const language = useLanguageCode();
  const [open, setOpen] = useState(false);
  const change = (changes: Partial<Filters>): void => {
    onChange({ ...filters, ...changes });
  };
  const purposes = [...new Set(models.flatMap((model) => model.purposes))].sort();
  const count = countFilters(filters);
  return (
    <div className="toolbar" role="search" aria-label={words.search}>
      <div className="toolbar-line">
        <div className="search-box">
          <SearchIcon size={18} />
          <input
            type="text"
            enterKeyHint="search"
            className="control"
            dir="auto"
            aria-label={words.search}
            placeholder={words.searchPlaceholder}
            value={filters.text}
            onChange={(event) => { change({ text: event.target.value }); }}
            onKeyDown={(event) => {
              if (event.key === "Escape") change({ text: "" });
            }}
          />
          {filters.text !== "" && <IconButton icon={CloseIcon} size={16} label={strings.shell.searchClear} onClick={() => { change({ text: "" }); }} />}
        </div>
        <Button icon={SlidersIcon} aria-expanded={open} aria-controls="model-filters" onClick={() => { setOpen(!open); }}>
          {count === 0 ? words.filters : words.filtersActive(formatCount(count, language))}
        </Button>
      </div>
      <div className="chips">
        <Chip pressed={filters.fitting} onChange={(fitting) => { change({ fitting }); }}>{words.onlyFitting}</Chip>
        <Chip pressed={filters.downloaded} onChange={(downloaded) => { change({ downloaded }); }}>{words.onlyDownloaded}</Chip>
        <Chip pressed={filters.vision} onChange={(vision) => { change({ vision }); }}>{words.onlyVision}</Chip>
        <Chip pressed={filters.tools} onChange={(tools) => { change({ tools }); }}>{words.onlyTools}</Chip>
        <Chip pressed={filters.thinking} onChange={(thinking) => { change({ thinking }); }}>{words.onlyThinking}</Chip>
      </div>
      <div id="model-filters" className="toolbar-more" hidden={!open}>
        <Select
          label={words.purpose}
          value={filters.purpose}
          options={[["", words.anyPurpose], ...purposes.map((purpose) => [purpose, words.purposes[purpose] ?? purpose] as const)]}
          onChange={(event) => { change({ purpose: event.target.value }); }}
        />
        <Select
          label={words.size}
          value={filters.maxBytes === null ? "" : String(filters.maxBytes)}
          options={[["", words.anySize], ...SIZES.map((size) => [String(size), words.upTo(formatBytes(size, language))] as const)]}
          onChange={(event) => { change({ maxBytes: event.target.value === "" ? null : Number(event.target.value) }); }}
        />
        <Select
          label={words.license}
          value={filters.license}
          options={[["", words.anyLicense], ...licensesOf(models).map((license) => [license, license] as const)]}
          onChange={(event) => { change({ license: event.target.value }); }}
        />
        <Select
          label={words.sort}
          value={filters.sort}
          options={SORTS.map((sort) => [sort, words.sorts[sort]] as const)}
          onChange={(event) => { change({ sort: SORTS.find((sort) => sort === event.target.value) ?? "recommended" }); }}
        />
      </div>
    </div>
  );
}
