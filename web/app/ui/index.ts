/** The parts that every view is made of. Their looks are in ui.css, the tokens in ../theme.css. */

export { Badge } from "./badge.tsx";
export { Button, IconButton } from "./button.tsx";
export { Chip } from "./chip.tsx";
export { Choice } from "./choice.tsx";
export { Confirm } from "./confirm.tsx";
export { Dialog } from "./dialog.tsx";
export { Field, Select, Switch, TextArea, TextField } from "./field.tsx";
export { Menu, type MenuItem } from "./menu.tsx";
export { Milestones } from "./milestones.tsx";
export { Progress, Ring } from "./progress.tsx";
export { ToastProvider, type ToastOptions, useToast } from "./toast.tsx";
export { Tooltips } from "./tooltip.tsx";
