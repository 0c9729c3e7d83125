/** The icons of the app: 20 units wide, drawn in the colour of the text around them, and never read out. */

import type { JSX, ReactNode } from "react";

interface IconProps {
  /** Width and height in pixels. */
  readonly size?: number;
}

export type Icon = (props: IconProps) => JSX.Element;

/** `points`: along the line of text, so it is mirrored where text runs from right to left. */
function icon(drawing: ReactNode, points = false): Icon {
  return function Drawn({ size = 20 }) {
    return (
      <svg
        className={points ? "icon icon-mirrored" : "icon"}
        width={size}
        height={size}
        viewBox="0 0 20 20"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.5"
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
        focusable="false"
      >
        {drawing}
      </svg>
    );
  };
}

export const AddIcon = icon(<path d="M10 4v12M4 10h12" />);
export const AttachIcon = icon(<path d="m15.5 9.5-5.6 5.6a3.6 3.6 0 0 1-5-5l6-6a2.4 2.4 0 0 1 3.4 3.4l-6 6a1.2 1.2 0 0 1-1.7-1.7l5.4-5.4" />);
export const BranchIcon = icon(<path d="M6 4v12M6 4 4 6m2-2 2 2M6 12c0-3 2-4 4-4h4m0 0-2-2m2 2-2 2" />, true);
export const ChatIcon = icon(<path d="M3.5 5.5a2 2 0 0 1 2-2h9a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2H9l-3.5 3v-3a2 2 0 0 1-2-2z" />, true);
export const CheckIcon = icon(<path d="m4.5 10.5 3.5 3.5 7.5-8" />);
export const ChevronDownIcon = icon(<path d="m5.5 8 4.5 4.5L14.5 8" />);
export const ChevronLeftIcon = icon(<path d="M12 5.5 7.5 10l4.5 4.5" />, true);
export const ChevronRightIcon = icon(<path d="M8 5.5 12.5 10 8 14.5" />, true);
export const CloseIcon = icon(<path d="m5 5 10 10M15 5 5 15" />);
export const CloudIcon = icon(<path d="M6 15.5a3.5 3.5 0 0 1-.4-7A4.8 4.8 0 0 1 15 8.7a3.4 3.4 0 0 1-.5 6.8z" />);
export const CompareIcon = icon(<path d="M3.5 4.5h5v11h-5zM11.5 4.5h5v11h-5z" />);
export const ContinueIcon = icon(<path d="M4 5.5 10 10l-6 4.5zM11 5.5l6 4.5-6 4.5z" />, true);
export const CopyIcon = icon(<path d="M7.5 7.5h8v8.5h-8zM12.5 7.5V4h-8v8.5h3" />);
export const DeviceIcon = icon(<path d="M4 4.5h12v8.5H4zM2.5 16h15" />);
export const DownIcon = icon(<path d="M10 4v12m0 0 4.5-4.5M10 16l-4.5-4.5" />);
export const DownloadIcon = icon(<path d="M10 3.5v9m0 0 3.5-3.5M10 12.5 6.5 9M4 16.5h12" />);
export const EditIcon = icon(<path d="m4 16 .8-3.4L13 4.4a1.6 1.6 0 0 1 2.3 0l.3.3a1.6 1.6 0 0 1 0 2.3l-8.2 8.2zM11.5 6l2.5 2.5" />);
export const ExportIcon = icon(<path d="M10 12.5v-9m0 0L6.5 7M10 3.5 13.5 7M4 11.5v5h12v-5" />);
export const FileIcon = icon(<path d="M5.5 3.5h6l3 3v10h-9zM11.5 3.5v3h3M8 10.5h4M8 13.5h4" />);
export const FolderIcon = icon(<path d="M3 6.5v9h14V7H9.5L8 5H3z" />);
export const HelpIcon = icon(<path d="M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14M8 8a2 2 0 1 1 2.8 1.8c-.5.3-.8.6-.8 1.4M10 13.7v.1" />, true);
export const ImportIcon = icon(<path d="M10 3.5v9m0 0L6.5 9M10 12.5 13.5 9M4 11.5v5h12v-5" />);
export const LockIcon = icon(<path d="M5 9h10v7.5H5zM7 9V6.5a3 3 0 0 1 6 0V9" />);
export const MenuIcon = icon(<path d="M3.5 6h13M3.5 10h13M3.5 14h13" />);
export const ModelsIcon = icon(<path d="m10 3 6.5 3.5L10 10 3.5 6.5zM3.5 10l6.5 3.5L16.5 10M3.5 13.5 10 17l6.5-3.5" />);
export const MoreIcon = icon(<path d="M4.5 10h.01M10 10h.01M15.5 10h.01" strokeWidth="2.2" />);
export const PauseIcon = icon(<path d="M7 4.5v11M13 4.5v11" strokeWidth="2" />);
export const PinIcon = icon(<path d="M7 3.5h6l-.8 5 2.3 2.5h-9L7.8 8.5zM10 11v5.5" />);
export const PlayIcon = icon(<path d="M6 4.5 15 10l-9 5.5z" />);
export const RefreshIcon = icon(<path d="M15.5 8A6 6 0 1 0 16 11.5M16 4v4h-4" />);
export const SearchIcon = icon(<path d="M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11M13 13l3.5 3.5" />);
export const SendIcon = icon(<path d="M10 16V4.5m0 0L5 9.5m5-5 5 5" strokeWidth="1.8" />);
export const SettingsIcon = icon(<path d="M3.5 6h7M14.5 6h2M3.5 14h2M9.5 14h7M12.5 8a2 2 0 1 0 0-4 2 2 0 0 0 0 4M7.5 16a2 2 0 1 0 0-4 2 2 0 0 0 0 4" />);
export const SidebarIcon = icon(<path d="M3.5 4.5h13v11h-13zM8 4.5v11" />, true);
export const SlidersIcon = icon(<path d="M5 3.5v6M5 13v3.5M10 3.5v3M10 10v6.5M15 3.5v7.5M15 14.5v2M3.5 11.2h3M8.5 8.2h3M13.5 12.8h3" />);
export const StopIcon = icon(<rect x="5.5" y="5.5" width="9" height="9" rx="1.5" fill="currentColor" stroke="none" />);
export const ToolIcon = icon(<path d="M12.5 3.7a4 4 0 0 0-4.8 5.2L3.6 13a1.9 1.9 0 0 0 2.7 2.7l4.2-4.1a4 4 0 0 0 5.2-4.8l-2.4 2.4-2.3-.7-.7-2.3z" />);
export const TrashIcon = icon(<path d="M4 5.5h12M8 5.5V4h4v1.5M5.5 5.5l.7 11h7.6l.7-11M8.5 8.5v5M11.5 8.5v5" />);
export const WarningIcon = icon(<path d="M10 3.5 17.5 16.5h-15zM10 8.5v3.5M10 14.3v.1" />);
