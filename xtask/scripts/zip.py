"""zip.py ZIP PROGRAM SCHEMA: what AWS Lambda takes. The same files give the same bytes, whenever that is."""

import sys
import zipfile

zip_path, program, schema = sys.argv[1:]
# The oldest time that a zip can say.
TIME = (1980, 1, 1, 0, 0, 0)

with zipfile.ZipFile(zip_path, "w") as archive:
    for path, name, mode in [(program, "bootstrap", 0o755), (schema, "forebay.schema.json", 0o644)]:
        entry = zipfile.ZipInfo(name, TIME)
        entry.compress_type = zipfile.ZIP_DEFLATED
        # The upper half is the mode of a file of Unix, which is what the system below says.
        entry.create_system = 3
        entry.external_attr = (0o100000 | mode) << 16
        with open(path, "rb") as file:
            archive.writestr(entry, file.read(), compresslevel=9)
