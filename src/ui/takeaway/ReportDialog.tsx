// The dialog that saves the report of the study.

export default function ReportDialog() {
  return null;
}
