;; What of a running Emacs is kept (27 and later): one expression, evaluated by its server. No message, no question, nothing that
;; changes. Bound around it are `folder', a private one for what is written; `known', the fingerprint of what is kept already;
;; `restored', the name of the state it was started with; `tty', the terminal of the frame; `secret', a regular expression for
;; names of files.
(let* ((inhibit-message t) (message-log-max nil) (deactivate-mark nil) (inhibit-quit t)
       (print-length nil) (print-level nil) (print-circle nil)
       (coding-system-for-write 'utf-8-emacs-unix) (last-coding-system-used nil)
       (write-region-annotate-functions nil) (write-region-inhibit-fsync t)
       (largest (* 5 1024 1024))
       (frame (or (seq-find (lambda (it) (equal (terminal-name (frame-terminal it)) tty)) (frame-list)) (selected-frame)))
       (files nil) (unsaved nil) (left nil) (number 0))
  (if (and restored (not (member restored (bound-and-true-p evermux-restored))))
      "late it is still coming back"
    (dolist (buffer (buffer-list))
      (with-current-buffer buffer
        (let* ((base (or (buffer-base-buffer buffer) buffer))
               (file buffer-file-name) (name (buffer-name))
               (plain (and (not file) (memq major-mode '(fundamental-mode text-mode lisp-interaction-mode))
                           (> (buffer-size) 0) (not (string-prefix-p " " name))
                           (or (string= name "*scratch*") (not (string-prefix-p "*" name))))))
          (when (and (eq base buffer) (or file plain))
            (when file (push (list file name (point)) files))
            (when (buffer-modified-p)
              (let ((reason (cond ((and file (string-match-p secret file)) "files like this hold secrets")
                                  ((and file auto-save-default (not buffer-auto-save-file-name)) "it is not to be written down")
                                  ((> (- (position-bytes (point-max)) (position-bytes (point-min))) largest)
                                   "it is too large; its auto-save file has it"))))
                (if reason
                    (push (list (or file name) reason) left)
                  (setq number (1+ number))
                  (push (list number file name (point) major-mode (buffer-chars-modified-tick) buffer) unsaved))))))))
    (setq files (nreverse files) unsaved (nreverse unsaved) left (nreverse left))
    (let* ((windows (window-state-get (frame-root-window frame) t))
           (print (secure-hash 'sha256 (format "%S" (list files (mapcar #'butlast unsaved) left windows)))))
      (if (equal known print)
          "same"
        (dolist (it unsaved)
          (with-current-buffer (car (last it))
            (save-restriction
              (widen)
              (write-region nil nil (expand-file-name (format "text%d" (car it)) folder) nil 'silent))))
        (let ((state (list (cons 'pid (emacs-pid)) (cons 'files files)
                           (cons 'unsaved (mapcar (lambda (it) (seq-take it 5)) unsaved)) (cons 'windows windows))))
          (write-region (format "%S\n" state) nil (expand-file-name "state" folder) nil 'silent))
        (write-region
         (mapconcat (lambda (item) (concat item "\0"))
                    (append (list print)
                            (mapcan (lambda (it) (list "unsaved" (or (nth 1 it) ""))) unsaved)
                            (mapcan (lambda (it) (list "left" (car it) (nth 1 it))) left))
                    "")
         nil (expand-file-name "told" folder) nil 'silent)
        "held"))))
