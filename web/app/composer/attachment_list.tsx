import type { JSX } from "react";
import { formatBytes } from "../format.ts";
import { useLanguageCode, useStrings } from "../strings/index.ts";
import { IconButton } from "../ui/index.ts";
import { CloseIcon, FileIcon } from "../ui/icons.tsx";
import type { Attachment } from "./files.ts";

interface AttachmentListProps {
  readonly files: readonly Attachment[];
  /** How many files are being read, and images scaled down. */
  readonly reading: number;
  readonly onRemove: (file: Attachment) => void;
}

/** What will be sent along with the message. */
export function AttachmentList({ files, reading, onRemove }: AttachmentListProps): JSX.Element | null {
  const strings = useStrings().chat;
  const language = useLanguageCode();
  if (files.length === 0 && reading === 0) return null;
  return (
    <ul className="attachments">
      {files.map((file, index) => (
        <li key={`${index} ${file.filename}`} className="attachment">
          {typeof file.url === "string" ? <img src={file.url} alt="" /> : <FileIcon size={20} />}
          <span className="attachment-words">
            <span className="file-name">{file.filename === "" ? strings.image : file.filename}</span>
            <span className="quiet small">
              {file.scaledFrom === undefined ? formatBytes(file.sizeBytes, language) : strings.scaled(formatBytes(file.scaledFrom, language), formatBytes(file.sizeBytes, language))}
            </span>
          </span>
          <IconButton icon={CloseIcon} size={16} label={strings.removeFile(file.filename)} onClick={() => { onRemove(file); }} />
        </li>
      ))}
      {reading > 0 && (
        <li className="attachment" role="status">
          <FileIcon size={20} />
          <span className="attachment-words quiet small">{strings.reading(reading)}</span>
        </li>
      )}
    </ul>
  );
}
