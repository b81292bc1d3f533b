"""To another machine and back: a study's runtime is run where this program is not installed, and its answers return.

How a person uses it. Here, with a study folder that `run` wrote:

    int8-workbench bundle DIR --runtime coreml -o job.zip    # any runtime whose plugin has a stand-alone file

`job.zip` holds models already lowered, the evaluation inputs as arrays, the study, a list of hashes, `README.txt` and
two Python files: the runner, which knows no runtime, and the plugin's own that opens its models. On the other machine,
which needs Python 3.9 or newer, numpy and the runtime itself:

    python -m zipfile -e job.zip job
    python job/runner.py -o result.zip

With this program there: `int8-workbench run-bundle job.zip -o result.zip`, which takes its own runner and its own
plugin's file, not those in the archive; where they differ the result says so. It checks every file, answers all
samples, times the models in turns by the rules of `measure.latency`, and writes `result.zip`. Exit codes: 0 all ran; 1
something was changed or is damaged; 4 the runtime is missing (it says what), or a model did not run. Back here:

    int8-workbench import-result result.zip DIR --name "MacBook Air"

Its runs stand in the result in a group of their machine, under labels such as "Core ML (MacBook Air)". Nothing counted
there is believed but clocks and what the runtime told of itself: accuracy, distances and rates are computed here, from
the answers and from single latencies. An archive is refused where one hash differs, where the bundle was not made from
this folder, or where the study has changed since. Other versions than here are said in words.

What a bundle does not tell: samples' file names, labels, folders, host or user names. Its inputs are the samples
themselves, preprocessed: whoever gets it can look at them.

Not carried: candidates of native tool-chains. Not measured there: memory per model, since all share one process.

    names       the files that travel
    records     what stands in the list that goes, and in the one that comes back
    archive     zip files, checked before anything is believed
    standalone  a plugin's file for machines without this program, looked at before it travels
    stored      a finished study, opened again without running anything
    pack        makes a bundle
    run_here    runs a bundle on this machine by the program's own code
    observed    what a runner's records say, as the core's own
    returned    an archive that came back, against the study it was made for
    merge       returned runs in a result
"""
